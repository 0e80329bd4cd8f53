import { afterEach, describe, expect, it } from 'vitest'
import { hear } from '../src/tree/pointer.ts'

/** An element as far as gestures need one. */
class Surface extends EventTarget {
  captured: number[] = []
  setPointerCapture(id: number) {
    this.captured.push(id)
  }
  send(type: string, given: Readonly<Record<string, unknown>>): boolean {
    const event = new Event(type, { cancelable: true })
    return this.dispatchEvent(Object.assign(event, { button: 0, pointerId: 1, clientX: 0, ...given }))
  }
}

describe('gestures', () => {
  let told: (readonly unknown[])[] = []
  let silent = () => {}
  const surface = () => {
    const element = new Surface()
    told = []
    silent = hear(element as unknown as HTMLElement, {
      begin: () => told.push(['begin']),
      drag: (shift) => told.push(['drag', shift]),
      pinch: (factor, clientX) => told.push(['pinch', factor, clientX]),
      tap: () => told.push(['tap']),
      twice: () => told.push(['twice']),
      wheel: (factor, clientX) => told.push(['wheel', factor, clientX]),
    })
    return element
  }
  afterEach(() => silent())

  it('are a tap where nothing moved, and a drag where it did, but never both', () => {
    const element = surface()
    element.send('pointerdown', { clientX: 50 })
    element.send('pointermove', { clientX: 53 })
    element.send('pointerup', { clientX: 53 })
    expect(told).toEqual([['begin'], ['tap']])
    told = []
    element.send('pointerdown', { clientX: 50 })
    element.send('pointermove', { clientX: 60 })
    element.send('pointermove', { clientX: 40 })
    element.send('pointerup', { clientX: 40 })
    expect(told).toEqual([['begin'], ['drag', 10], ['drag', -10]])
    expect(element.captured).toEqual([1])
    // A pointer that hovers, and other buttons, do nothing.
    told = []
    element.send('pointermove', { clientX: 90 })
    element.send('pointerdown', { button: 2 })
    element.send('pointerup', { button: 2 })
    expect(told).toEqual([])
  })

  it('are a pinch around the middle of two fingers, and go on as a drag with the one that stays', () => {
    const element = surface()
    element.send('pointerdown', { pointerId: 1, clientX: 100 })
    element.send('pointerdown', { pointerId: 2, clientX: 200 })
    element.send('pointermove', { pointerId: 2, clientX: 300 })
    element.send('pointermove', { pointerId: 1, clientX: 200 })
    expect(told.filter(([what]) => what === 'pinch')).toEqual([
      ['pinch', 2, 200],
      ['pinch', 0.5, 250],
    ])
    told = []
    element.send('pointerup', { pointerId: 2, clientX: 300 })
    element.send('pointermove', { pointerId: 1, clientX: 180 })
    element.send('pointerup', { pointerId: 1, clientX: 180 })
    expect(told).toEqual([['begin'], ['drag', -20]])
  })

  it('are a zoom by the wheel with Ctrl alone; the plain wheel scrolls the page', () => {
    const element = surface()
    expect(element.send('wheel', { deltaY: 100, ctrlKey: false, metaKey: false })).toBe(true)
    expect(told).toEqual([])
    expect(element.send('wheel', { deltaY: -100, ctrlKey: true, clientX: 7 })).toBe(false)
    expect(told).toEqual([['wheel', Math.exp(-0.4), 7]])
    element.send('dblclick', {})
    expect(told.at(-1)).toEqual(['twice'])
    silent()
    element.send('dblclick', {})
    expect(told).toHaveLength(2)
  })
})
