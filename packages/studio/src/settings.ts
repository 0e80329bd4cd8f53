import { effect, signal } from '@preact/signals'

/** Whether single letters are commands; some people's software types letters of its own. */
export const letterKeys = signal(read('letter-keys') !== 'off')

effect(() => {
  try {
    localStorage.setItem('letter-keys', letterKeys.value ? 'on' : 'off')
  } catch {
    // Without storage the choice lasts until the page is left.
  }
})

/**
 * What the address asks of the engine: `?threads=2`, `?backend=wasm`, and for tests `?adapter=any`, with which a graphics
 * device will do that the processor only plays.
 */
export const engineSettings = engineSettingsOf(location.search)

export function engineSettingsOf(search: string) {
  const query = new URLSearchParams(search)
  const threads = Number(query.get('threads'))
  return {
    threads: Number.isInteger(threads) && threads >= 1 ? threads : undefined,
    backend: query.get('backend') === 'wasm' ? 'wasm' : undefined,
    anyAdapter: query.get('adapter') === 'any',
  } as const
}

function read(name: string): string | null {
  try {
    return localStorage.getItem(name)
  } catch {
    return null
  }
}
