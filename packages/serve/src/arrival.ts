/** Requests whose bodies do not arrive, or arrive drop by drop, are ended: each holds a socket. */

import type { IncomingMessage, Server, ServerResponse } from 'node:http'

/** Bytes of a file that must have come since the last look. */
const PACE = 1 << 17

/**
 * Ends what is too slow: an ordinary body must be there at the first look, a file must have come on by 128 KiB.
 *
 * @param arrival milliseconds between two looks
 * @param isFile whether a request brings a file, which may take its time
 */
export function watchArrival(
  server: Server,
  arrival: number,
  isFile: (method: string | undefined, url: string | undefined) => boolean,
): void {
  server.on('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { headers, socket } = incoming
    if (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0) return
    const pace = isFile(incoming.method, incoming.url) ? PACE : Infinity
    let read = socket.bytesRead
    const look = setInterval(() => {
      if (incoming.complete || socket.destroyed) return clearInterval(look)
      if (socket.bytesRead - read >= pace) {
        read = socket.bytesRead
        return
      }
      clearInterval(look)
      if (!outgoing.headersSent) socket.write('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n')
      socket.destroySoon()
    }, arrival)
    look.unref()
    incoming.once('end', () => clearInterval(look))
    outgoing.once('close', () => clearInterval(look))
  })
}
