/** Starts the worker of the bench and hands its times to whoever opened the page. */

const worker = new Worker(new URL('./bench.worker.ts', import.meta.url), { type: 'module' })
declare global {
  interface Window {
    measure(settings: unknown): Promise<unknown>
  }
}
window.measure = (settings) =>
  new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<{ result?: unknown; error?: string }>) => {
      if (data.error !== undefined) reject(new Error(data.error))
      else resolve(data.result)
    }
    worker.postMessage({ ...(settings as object), base: new URL('..', document.baseURI).href })
  })
