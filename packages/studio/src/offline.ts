/** Set where the page was loaded again to be isolated, so that this happens once. */
const RELOADED = 'espalier-reloaded'

/**
 * Registers the service worker, which keeps the app for when there is no network. Where the host sends no headers for
 * threads, the worker adds them: the page is then loaded once more.
 */
export async function keepOffline(): Promise<void> {
  if (!('serviceWorker' in navigator)) return
  try {
    await navigator.serviceWorker.register('./service-worker.js')
    await navigator.serviceWorker.ready
    if (crossOriginIsolated || sessionStorage.getItem(RELOADED)) return
    sessionStorage.setItem(RELOADED, 'yes')
    location.reload()
  } catch {
    // Private windows refuse service workers: then there is no app offline, and one thread.
  }
}
