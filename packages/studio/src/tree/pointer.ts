/** What fingers and mouse do on a picture that can be zoomed sideways. */
export interface Gestures {
  /** @param shift of the fingers since the gesture began, in pixels to the right */
  drag(shift: number): void
  /** @param factor by which two fingers have come apart since the last call @param clientX between them */
  pinch(factor: number, clientX: number): void
  /** A gesture begins. */
  begin(): void
  tap(event: PointerEvent): void
  twice(event: MouseEvent): void
  wheel(factor: number, clientX: number): void
}

/** Pixels that a pointer moves before it is a drag. */
const SLACK = 5

/** Hears the gestures on an element; returns what ends that. Vertical strokes are left to scroll the page. */
export function hear(element: HTMLElement, gestures: Gestures): () => void {
  const fingers = new Map<number, number>()
  let start = 0
  let moved = false
  let apart = 0
  const middle = () => [...fingers.values()].reduce((sum, x) => sum + x, 0) / fingers.size
  const distance = () => {
    const [a, b] = [...fingers.values()]
    return Math.max(8, Math.abs(a - b))
  }
  const rest = () => {
    start = middle()
    if (fingers.size === 2) apart = distance()
    gestures.begin()
  }
  const stop = new AbortController()
  const on = <K extends keyof HTMLElementEventMap>(name: K, heard: (event: HTMLElementEventMap[K]) => void) =>
    element.addEventListener(name, heard, { signal: stop.signal, passive: false })
  on('pointerdown', (event) => {
    if (event.button !== 0) return
    if (fingers.size === 0) moved = false
    fingers.set(event.pointerId, event.clientX)
    if (fingers.size > 1) moved = true
    rest()
  })
  on('pointermove', (event) => {
    if (!fingers.has(event.pointerId)) return
    fingers.set(event.pointerId, event.clientX)
    if (fingers.size === 2) {
      gestures.pinch(distance() / apart, middle())
      apart = distance()
      return
    }
    if (!moved && Math.abs(event.clientX - start) <= SLACK) return
    if (!moved) element.setPointerCapture(event.pointerId)
    moved = true
    gestures.drag(event.clientX - start)
  })
  const up = (event: PointerEvent) => {
    if (!fingers.delete(event.pointerId)) return
    if (fingers.size > 0) rest()
  }
  on('pointerup', (event) => {
    const tapped = !moved && fingers.size === 1 && fingers.has(event.pointerId)
    up(event)
    if (tapped) gestures.tap(event)
  })
  on('pointercancel', up)
  on('pointerleave', up)
  on('dblclick', (event) => gestures.twice(event))
  on('wheel', (event) => {
    // A plain wheel scrolls the page; with Ctrl, and so by a pinch of a touchpad, it zooms.
    if (!event.ctrlKey && !event.metaKey) return
    event.preventDefault()
    gestures.wheel(Math.exp(event.deltaY * 0.004), event.clientX)
  })
  return () => stop.abort()
}
