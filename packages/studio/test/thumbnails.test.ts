import type { RunState } from '@espalier/engine'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Place } from '../src/tree/thumbnails.ts'

const state: RunState = { shape: [2], data: Float32Array.of(0, 1) }

describe('states that are looked at', () => {
  let Thumbnails: typeof import('../src/tree/thumbnails.ts').Thumbnails
  beforeAll(async () => {
    vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => {} }))
    vi.stubGlobal('document', { documentElement: { dataset: {} } })
    Thumbnails = (await import('../src/tree/thumbnails.ts')).Thumbnails
  })
  afterEach(() => void vi.useRealTimers())

  /** Thumbnails whose answers the test gives. */
  const asked = (atOnce: number) => {
    const waiting: { readonly node: number; answer(): void; fail(line: string): void }[] = []
    const ask = (place: Place) =>
      new Promise<RunState>((resolve, reject) => {
        const { node } = place as { readonly node: number }
        waiting.push({ node, answer: () => resolve(state), fail: (line) => reject(new Error(line)) })
      })
    const states = new Thumbnails(ask, () => ({}) as HTMLCanvasElement, { atOnce })
    const first = states.arrived.value
    return { waiting, states, told: () => states.arrived.value - first }
  }
  const settled = () => new Promise((resolve) => setTimeout(resolve))

  it('are asked for a few at a time, what was looked at last first, each once', async () => {
    const { waiting, states, told } = asked(2)
    for (const node of [1, 2, 3, 4, 1, 4]) expect(states.state({ node })).toBeUndefined()
    expect(waiting.map(({ node }) => node)).toEqual([1, 2])
    waiting[0].answer()
    await settled()
    expect(states.state({ node: 1 })).toBe(state)
    expect(told()).toBe(1)
    expect(waiting.map(({ node }) => node)).toEqual([1, 2, 4])
    states.close()
  })

  it('are not asked for where nobody looks any more, unless somebody looks again', async () => {
    const { waiting, states, told } = asked(1)
    for (const node of [1, 2, 3, 4]) states.state({ node })
    states.only(new Set([2]))
    expect(told()).toBe(1)
    waiting[0].answer()
    await settled()
    waiting[1].answer()
    await settled()
    expect(waiting.map(({ node }) => node)).toEqual([1, 2])
    states.only(new Set())
    expect(told()).toBe(3)
    expect(states.state({ node: 3 })).toBeUndefined()
    expect(waiting.map(({ node }) => node)).toEqual([1, 2, 3])
    states.close()
  })

  it('tell why one does not come, once, and try again after a while', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const { waiting, states, told } = asked(1)
    const look = () => states.state({ node: 1 })
    look()
    expect(states.failure({ node: 1 })).toBeUndefined()
    waiting[0].fail('it is not kept')
    await settled()
    expect(states.failure({ node: 1 })).toBe('it is not kept')
    expect(told()).toBe(1)
    look()
    expect(waiting).toHaveLength(1)
    vi.advanceTimersByTime(1500)
    look()
    waiting[1].fail('it is not kept')
    await settled()
    // Nobody is told the same again: whoever is told looks, and would be told for ever.
    expect(told()).toBe(1)
    vi.advanceTimersByTime(1500)
    look()
    waiting[2].answer()
    await settled()
    expect(look()).toBe(state)
    expect(states.failure({ node: 1 })).toBeUndefined()
    states.close()
  })
})
