/** Texts as files and lines hold them. */

import { stack, writeNpy } from 'espalier/tensor'

/** A finished text. */
export interface Text {
  readonly text: string
  readonly tokens: readonly number[]
}

/** Texts as a file of this name holds them. In `.txt` a line `%` stands between two. */
export function contentOf(file: string, texts: readonly Text[]): string | Uint8Array {
  if (file.endsWith('.json')) return jsonRows(texts)
  if (file.endsWith('.txt')) return `${texts.map(({ text }) => text.replace(/\n$/, '')).join('\n%\n')}\n`
  const rows = texts.map(({ tokens }) => Float32Array.from(tokens))
  return writeNpy(stack(rows, [rows[0].length]))
}

/** A JSON list with a row a line. */
export function jsonRows(rows: readonly unknown[]): string {
  return `[\n${rows.map((row) => JSON.stringify(row)).join(',\n')}\n]\n`
}

/** A text on one line: line breaks as a sign. */
export function oneLine(text: string): string {
  return text.replaceAll('\n', ' ⏎ ').trim()
}
