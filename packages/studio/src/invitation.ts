/** What `espalier studio` opens the page with, to log in once; out of the address before anything else reads that. */
export const invitation = take()

function take(): string | undefined {
  const [, token] = /^#token=(.+)$/.exec(location.hash) ?? []
  if (token === undefined) return undefined
  history.replaceState(null, '', location.pathname + location.search)
  return decodeURIComponent(token)
}
