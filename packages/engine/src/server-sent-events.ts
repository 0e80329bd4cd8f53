/** An event as it stood in the stream. */
export interface ServerSentEvent {
  /** `message` where the stream names none. */
  readonly type: string
  readonly data: string
  readonly id?: string
}

/** The events of a `text/event-stream` body; a last one without its empty line was cut off and is dropped. */
export async function* serverSentEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let text = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      text += decoder.decode(value, { stream: true })
      const blocks = text.split(/\r?\n\r?\n/)
      text = blocks.pop() as string
      for (const block of blocks) {
        const event = parseBlock(block)
        if (event) yield event
      }
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

/** @returns undefined of a comment */
function parseBlock(block: string): ServerSentEvent | undefined {
  let type = 'message'
  let id: string | undefined
  const data: string[] = []
  for (const line of block.split(/\r?\n/)) {
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line) as RegExpExecArray
    if (name === 'event') type = value
    else if (name === 'data') data.push(value)
    else if (name === 'id') id = value
  }
  if (data.length === 0 && type === 'message') return undefined
  return { type, data: data.join('\n'), ...(id !== undefined && { id }) }
}
