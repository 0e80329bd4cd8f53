/** Texts that are drawn again in place while their tokens are fixed; silent where nobody watches. */

interface Stream {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
  write(text: string): unknown
}

export interface TextStream {
  /** Whether somebody watches. */
  readonly live: boolean
  /** @param make head line and texts, unknown tokens as {@link unknown}; made only when a picture is due */
  show(make: () => { readonly head: string; readonly texts: readonly string[] }): void
  /** Takes the texts away. */
  clear(): void
}

/** A token that is not known yet; drawn dim. */
export const unknown = '·'

/** Milliseconds between two pictures, at least. */
const pause = 40

export function textStream(stream: Stream = process.stdout, now: () => number = () => performance.now()): TextStream {
  const live = stream.isTTY === true
  let drawn = 0
  let last = Number.NEGATIVE_INFINITY
  const clear = () => {
    if (drawn > 0) stream.write(`\x1b[${drawn}A\r\x1b[J`)
    drawn = 0
  }
  return {
    live,
    clear,
    show(make) {
      if (!live || now() - last < pause) return
      last = now()
      const { head, texts } = make()
      // A terminal that does not know its size says 0.
      const columns = Math.max(20, stream.columns || 80)
      const all = [head, ...texts.flatMap((text, i) => [`#${i + 1}`, ...wrapped(text, columns - 1)])]
      const most = Math.max(3, (stream.rows || 24) - 1)
      const lines = all.length <= most ? all : [...all.slice(0, most - 1), `... ${all.length - most + 1} more lines`]
      clear()
      stream.write(lines.map((line) => `${line.replace(dots, '\x1b[2m$&\x1b[22m')}\n`).join(''))
      drawn = lines.length
    },
  }
}

const dots = new RegExp(`${unknown}+`, 'g')

/** Lines of at most so many characters, broken between words where one is short enough. */
export function wrapped(text: string, width: number): string[] {
  return text.split('\n').flatMap((line) => {
    const lines: string[] = []
    let rest = line
    while (rest.length > width) {
      const space = rest.lastIndexOf(' ', width)
      const at = space > width / 2 ? space : width
      lines.push(rest.slice(0, at))
      rest = rest.slice(space > width / 2 ? at + 1 : at)
    }
    return [...lines, rest]
  })
}
