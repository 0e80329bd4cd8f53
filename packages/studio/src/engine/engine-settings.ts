/**
 * What the address asks of the engine: `?threads=2`, `?backend=wasm`, and for tests `?adapter=any`, with which a graphics
 * device will do that the processor only plays.
 */
export function engineSettingsOf(search: string) {
  const query = new URLSearchParams(search)
  const threads = Number(query.get('threads'))
  return {
    threads: Number.isInteger(threads) && threads >= 1 ? threads : undefined,
    backend: query.get('backend') === 'wasm' ? 'wasm' : undefined,
    anyAdapter: query.get('adapter') === 'any',
  } as const
}
