/**
 * Calls back in a later turn of the event loop, after everything that is ready now (promise callbacks and messages
 * that have arrived). Not `setTimeout(0)`, which browsers stretch to 4 ms.
 */
export const nextTurn: (callback: () => void) => void =
  typeof setImmediate === 'function'
    ? (callback) => {
        setImmediate(callback)
      }
    : byMessage()

function byMessage(): (callback: () => void) => void {
  const callbacks: (() => void)[] = []
  let channel: MessageChannel | undefined
  return (callback) => {
    if (!channel) {
      channel = new MessageChannel()
      channel.port1.onmessage = () => callbacks.shift()?.()
    }
    callbacks.push(callback)
    channel.port2.postMessage(0)
  }
}
