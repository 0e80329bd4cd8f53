/**
 * Where other people's expressions run: a worker inside a frame of an origin of its own, which has no storage, and whose
 * content security policy, which the worker inherits, lets nothing out: no fetch, no socket, no import.
 */

const policy = "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob:; worker-src blob:"

/** The worker. Expressions see its globals alone: what it keeps is inside of functions. */
const worker = `
'use strict'
onmessage = ({ ports: [port] }) => {
  onmessage = null
  const { slice } = Float32Array.prototype
  let score
  let shape
  const lineOf = (error) => String((error && error.message) || error).split('\\n')[0].slice(0, 300)
  port.onmessage = ({ data }) => {
    if (data.type === 'open') {
      shape = Object.freeze(data.shape)
      score = new Function('x', 'shape', 'i', '"use strict"; return (' + data.source + '\\n)')
      port.postMessage({ type: 'ready' })
      return
    }
    const { rows, values } = data
    const size = values.length / rows
    const rewards = new Float64Array(rows)
    for (let row = 0; row < rows; row++) {
      port.postMessage({ type: 'row', row })
      try {
        const reward = score(slice.call(values, row * size, (row + 1) * size), shape, row)
        if (typeof reward !== 'number') throw new TypeError('it gave no number, but ' + typeof reward)
        rewards[row] = reward
      } catch (error) {
        port.postMessage({ type: 'threw', row, error: lineOf(error) })
        return
      }
    }
    port.postMessage({ type: 'rewards', rewards })
  }
}
`

const frame = `<!doctype html>
<meta http-equiv="Content-Security-Policy" content="${policy}">
<script>
onmessage = ({ ports }) => {
  const code = new Blob([${JSON.stringify(worker).replaceAll('<', '\\u003c')}], { type: 'text/javascript' })
  new Worker(URL.createObjectURL(code)).postMessage(0, ports)
}
</script>`

/**
 * Opens a sandbox that talks through a port.
 * @returns what ends it, and whatever runs in it
 */
export function openSandbox(port: MessagePort): () => void {
  const element = document.createElement('iframe')
  element.hidden = true
  element.setAttribute('sandbox', 'allow-scripts')
  element.srcdoc = frame
  // Of an origin of its own, so it cannot be named.
  element.onload = () => element.contentWindow?.postMessage(0, '*', [port])
  document.body.append(element)
  return () => element.remove()
}
