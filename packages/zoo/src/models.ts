import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type ModelCard, parseModelCard } from 'espalier/runtime'
import { createTokenizer, parseTokenCard, type TextTokenizer, type TokenCard } from 'espalier/text'
import { NotInstalledError } from './idx.ts'

/** The trained models of images that come with this package. */
export const zooModels = [
  'mnist',
  'mnist-small',
  'mnist-flow',
  'mnist-classifier',
  'mnist-judge',
  'mnist-minority',
  'fashion',
  'fashion-judge',
  'fashion-restore-mr',
  'fashion-sr-resshift4',
  'fashion-sr-resshift15',
  'fashion-sr-ddpm',
  'fashion-sr-l2',
] as const

/** Those of text: of the King James Bible, and of English words. */
export const zooTextModels = [
  'kjv',
  'kjv-autoregressive',
  'kjv-judge',
  'kjv-nce',
  'kjv-section',
  'words',
  'words-uniform',
  'words-autoregressive',
] as const

export type ZooModel = (typeof zooModels)[number]
export type ZooTextModel = (typeof zooTextModels)[number]

export interface LoadedZooModel {
  /** The ONNX file. */
  readonly model: Uint8Array
  readonly card: ModelCard
}

export interface LoadedZooText {
  /** The ONNX file. */
  readonly model: Uint8Array
  readonly card: TokenCard
  /** Of the card's vocabulary. */
  readonly tokenizer: TextTokenizer
}

/** A model of the zoo: its ONNX bytes and its card. @throws Error when there is none of this name */
export function loadZoo(name: string): LoadedZooModel {
  const zoo = filesOf(zooModels, name, '')
  return { model: zoo.model, card: parseModelCard(zoo.card, `card of zoo model ${name}`) }
}

/** A text model of the zoo, with its tokenizer. @throws Error when there is none of this name */
export function loadZooText(name: string): LoadedZooText {
  const zoo = filesOf(zooTextModels, name, 'text ')
  const card = parseTokenCard(zoo.card, `card of zoo model ${name}`)
  const file = String(card.tokenizer?.file ?? 'tokenizer.json')
  const json = zoo.read(file, (bytes) => JSON.parse(bytes.toString('utf8')))
  const tokenizer = createTokenizer(json, `${file} of zoo model ${name}`)
  if (tokenizer.vocabulary === card.vocabulary) return { model: zoo.model, card, tokenizer }
  throw new Error(
    `zoo model ${name}: its card says ${card.vocabulary} tokens, its tokenizer has ${tokenizer.vocabulary}`,
  )
}

function filesOf(known: readonly string[], name: string, kind: string) {
  if (!known.includes(name)) throw new Error(`the zoo has no ${kind}model "${name}"; it has ${known.join(', ')}`)
  const read = <T>(part: string, parse: (bytes: Buffer) => T): T => {
    try {
      return parse(readFileSync(fileURLToPath(new URL(`../models/${name}/${part}`, import.meta.url))))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      throw new NotInstalledError(
        `the zoo model "${name}" is not installed here; train it with: espalier train ${name}`,
      )
    }
  }
  const card: unknown = read('card.json', (bytes) => JSON.parse(bytes.toString('utf8')))
  return { model: read('model.onnx', (bytes) => bytes), card, read }
}
