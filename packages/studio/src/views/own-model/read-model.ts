/** A model out of the files that a person gave together. */

import type { Inspection } from '../../engine/inspect.ts'
import { extensionOf, keyOf, kindOfJson, parse } from '../../file-kinds.ts'
import { messageOf } from '../../format.ts'
import { workshop } from '../../studio.ts'

export interface ReadModel {
  readonly key: string
  readonly graph: Uint8Array
  readonly inspection: Inspection
  readonly card?: unknown
  readonly tokenizer?: unknown
}

/** @throws one line: which file, what is wrong with it, what to do */
export async function readModelFiles(files: readonly File[]): Promise<ReadModel> {
  const networks = files.filter(({ name }) => extensionOf(name) === 'onnx')
  const [network] = networks
  if (!network) {
    const given = files.map(({ name }) => name).join(', ')
    throw new Error(`${given}: a file that ends in .onnx is needed, with its card.json if it has one`)
  }
  if (networks.length > 1) {
    throw new Error(`${networks.map(({ name }) => name).join(', ')}: give one network at a time`)
  }
  let card: unknown
  let tokenizer: unknown
  const beside = new Map<string, Uint8Array>()
  for (const file of files) {
    if (file === network) continue
    if (extensionOf(file.name) !== 'json') beside.set(file.name, await bytesOf(file))
    else {
      const json = await about(file, async () => parse(await file.text()))
      const kind = kindOfJson(json)
      if (kind === 'card') card = json
      else if (kind === 'tokenizer') tokenizer = json
      else throw new Error(`${file.name}: expected the card or the tokenizer of ${network.name}; leave it out`)
    }
  }
  const bytes = await bytesOf(network)
  const inspection = await about(network, () => workshop.inspect(bytes, beside))
  const { whole = bytes, ...rest } = inspection
  const named = (card as { readonly name?: unknown } | undefined)?.name
  const key = keyOf(typeof named === 'string' ? `${named}.onnx` : network.name)
  return { key, graph: whole, inspection: rest, card, tokenizer }
}

async function bytesOf(file: File): Promise<Uint8Array> {
  return new Uint8Array(await file.arrayBuffer())
}

async function about<T>(file: File, what: () => Promise<T>): Promise<T> {
  try {
    return await what()
  } catch (cause) {
    throw new Error(`${file.name}: ${messageOf(cause)}`)
  }
}
