import { signal } from '@preact/signals'

/** Where the page is. All that changes what is seen stands in the address, so that Back and links work. */
export interface Route {
  /** Parts of the path, `['run', '<id>']`; none is home. */
  readonly path: readonly string[]
  readonly query: URLSearchParams
}

export function readRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?')
  return { path: path.split('/').filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(query) }
}

export function address(path: readonly string[], query: Readonly<Record<string, string | undefined>> = {}): string {
  const given = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined)
  const search = new URLSearchParams(given).toString()
  return `#/${path.map(encodeURIComponent).join('/')}${search && `?${search}`}`
}

export const route = signal(readRoute(location.hash))
addEventListener('hashchange', () => {
  route.value = readRoute(location.hash)
})

export function go(to: string): void {
  location.hash = to
}

/** Changes what the address says of the view, without a step in the history. */
export function note(changes: Readonly<Record<string, string | undefined>>): void {
  const { path, query } = route.peek()
  const next = { ...Object.fromEntries(query), ...changes }
  history.replaceState(null, '', address(path, next))
  route.value = readRoute(location.hash)
}
