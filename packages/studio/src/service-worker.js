// Keeps the app for when there is no network, and gives its files the headers that threads need on hosts that cannot.

const files = __FILES__
const kept = `espalier-${__VERSION__}`

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(kept)
      .then((cache) => cache.addAll(['./', ...files.filter((name) => name !== 'index.html')]))
      .then(() => self.skipWaiting()),
  )
})

self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) =>
        Promise.all(
          names.filter((name) => name.startsWith('espalier-') && name !== kept).map((name) => caches.delete(name)),
        ),
      )
      .then(() => self.clients.claim()),
  )
})

self.addEventListener('fetch', (event) => {
  const { request } = event
  if (request.method !== 'GET' || !request.url.startsWith(self.registration.scope)) return
  // What a server of runs answers at the same address is not the app's: a stream of events, kept, would never arrive.
  const [path] = request.url.slice(self.registration.scope.length).split(/[?#]/)
  if (path !== '' && !path.startsWith('models/') && !files.includes(path)) return
  if (request.cache === 'only-if-cached' && request.mode !== 'same-origin') return
  event.respondWith(answer(request))
})

async function answer(request) {
  const cache = await caches.open(kept)
  const page = request.mode === 'navigate'
  // Files have a hash in their names and never change; pages and cards may, so the network is asked first.
  const fixed = new URL(request.url).pathname.includes('/assets/')
  const found = await cache.match(page ? './' : request, { ignoreSearch: page })
  if (found && fixed) return isolated(found)
  try {
    const fresh = await fetch(request)
    if (fresh.ok && !page) await cache.put(request, fresh.clone())
    return isolated(fresh)
  } catch (error) {
    if (found) return isolated(found)
    throw error
  }
}

function isolated(response) {
  if (response.status === 0) return response
  const headers = new Headers(response.headers)
  headers.set('Cross-Origin-Opener-Policy', 'same-origin')
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp')
  headers.set('Cross-Origin-Resource-Policy', 'same-origin')
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers })
}
