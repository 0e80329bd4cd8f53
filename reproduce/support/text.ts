/** Text of the zoo to be sampled: a token diffusion, a judge that no sampler sees, and what is measured of sequences. */

import {
  type Corpus,
  kjvCorpus,
  type LoadedZooText,
  loadZooText,
  NotInstalledError,
  readWords,
  wordsCorpus,
  type ZooTextModel,
} from '@espalier/zoo'
import { mean } from 'espalier/measure'
import { nodeRuntime } from 'espalier/node'
import type { Runtime } from 'espalier/runtime'
import { key, purpose, stream } from 'espalier/tensor'
import {
  type AutoregressiveCard,
  type AutoregressiveModel,
  distinctShare,
  judged,
  loadTokenDenoiser,
  networkAutoregressive,
  type TextTokenizer,
  type TokenDenoiser,
  unigramEntropy,
  validWordShare,
  wordsOf,
} from 'espalier/text'

/** Rows of one network call: what the zoo's networks like best on few cores. */
export const textBatch = 64

/** What is sampled, by its name, what judges it, and which words it may spell. */
const worlds = {
  kjv: { judge: 'kjv-judge', corpus: kjvCorpus, words: () => wordsOf(textOf(kjvCorpus)) },
  words: { judge: 'words-autoregressive', corpus: wordsCorpus, words: () => readWords() },
} as const satisfies Record<
  string,
  { readonly judge: ZooTextModel; readonly corpus: Corpus; readonly words: () => readonly string[] }
>

export type TextWorldName = keyof typeof worlds
export const textWorldNames = Object.keys(worlds) as TextWorldName[]

export interface TextWorld {
  readonly name: TextWorldName
  readonly runtime: Runtime
  /** One row a call or many: see `batchedTokens` for callers that ask for few. */
  readonly denoiser: TokenDenoiser
  readonly tokenizer: TextTokenizer
  /** Tokens of a sequence: the context. */
  readonly length: number
  /** Reads from the left, and is no part of any sampler. */
  readonly judge: AutoregressiveModel
  /** Another model of the zoo over the same tokens, such as an energy. */
  autoregressive(name: ZooTextModel): Promise<AutoregressiveModel>
  /** Sequences of real text that no network has seen, or undefined where the corpus is not installed. */
  heldOut(seed: number, count: number): Int32Array[] | undefined
  quality(sequences: readonly Int32Array[]): Promise<TextQuality>
  close(): Promise<void>
}

/** What is measured of a set of sequences. Perplexity is never to be read without the entropy beside it. */
export interface TextQuality {
  /** Mean `-log p` of a token under the judge, in nats. */
  readonly loss: number
  /** Generative perplexity, `exp(loss)`. */
  readonly perplexity: number
  /** Mean unigram entropy of a sequence, in nats. */
  readonly entropy: number
  /** Share of different pairs of neighbouring tokens among all of the set; it falls with the size of the set. */
  readonly distinct: number
  /**
   * Share of the words of the set that exist: in the list of English words, or anywhere in the Bible. Words that the
   * ends of a sequence may have cut do not count. Undefined where the list is not installed.
   */
  readonly valid?: number
}

/** Names of the metrics in tables. */
export const textMetrics = {
  perplexity: 'generative perplexity',
  entropy: 'unigram entropy',
  distinct: 'distinct-2',
  valid: 'words that exist',
} as const

/** The measures by the names that tables use; only those that there are. */
export function namedQuality({ perplexity, entropy, distinct, valid }: TextQuality): Record<string, number> {
  const always = {
    [textMetrics.perplexity]: perplexity,
    [textMetrics.entropy]: entropy,
    [textMetrics.distinct]: distinct,
  }
  return valid === undefined ? always : { ...always, [textMetrics.valid]: valid }
}

/** @throws NotInstalledError where a model is not trained here */
export function openText(name: TextWorldName): Promise<TextWorld> {
  return textWorld(name, loadZooText(name), loadZooText(worlds[name].judge))
}

/** A world of given models: `openText` takes those of the zoo. */
export async function textWorld(
  name: TextWorldName,
  { model, card, tokenizer }: LoadedZooText,
  judging: Pick<LoadedZooText, 'model' | 'card'>,
): Promise<TextWorld> {
  const runtime = nodeRuntime()
  // The networks are small: a second thread costs more than it brings.
  const options = { threads: 1 }
  const denoiser = await loadTokenDenoiser(runtime, model, card, options)
  const autoregressive = async (one: Pick<LoadedZooText, 'model' | 'card'>) => {
    if (one.card.type !== 'autoregressive') throw new Error(`"${one.card.name}" does not read from the left`)
    return networkAutoregressive(await runtime.load(one.model, options), one.card as AutoregressiveCard)
  }
  const judge = await autoregressive(judging)
  const known = ifInstalled(() => new Set(worlds[name].words()))
  return {
    ...{ name, runtime, denoiser, tokenizer, judge },
    length: denoiser.context,
    autoregressive: (other) => autoregressive(loadZooText(other)),
    heldOut: (seed, count) =>
      ifInstalled(() => windows(tokenizer.encode(heldOutText(worlds[name].corpus)), denoiser.context, seed, count)),
    async quality(sequences) {
      const loss = mean(await judgedInBatches(judge, sequences))
      return {
        loss,
        perplexity: Math.exp(loss),
        entropy: mean(sequences.map(unigramEntropy)),
        distinct: distinctShare(sequences, 2),
        valid: known && validWordShare(sequences.map((one) => wholeWords(tokenizer.decode(one))).join('\n'), known),
      }
    },
    close: () => runtime.close(),
  }
}

/** `-log p / length` of each sequence, in calls of a batch. */
export async function judgedInBatches(
  judge: AutoregressiveModel,
  sequences: readonly Int32Array[],
): Promise<readonly number[]> {
  const losses: number[] = []
  for (let from = 0; from < sequences.length; from += textBatch) {
    losses.push(...(await judged(judge, sequences.slice(from, from + textBatch))))
  }
  return losses
}

/** A text without the words that its ends may have cut. */
export function wholeWords(text: string): string {
  const first = text.search(/\s/)
  const last = text.search(/\s\S*$/)
  return first < 0 ? '' : text.slice(first, last)
}

const textOf = (corpus: Corpus) => [...corpus.read('train'), ...corpus.read('test')].map(({ text }) => text).join('')

const heldOutTexts = new Map<Corpus, string>()

function heldOutText(corpus: Corpus): string {
  const text =
    heldOutTexts.get(corpus) ??
    corpus
      .read('test')
      .map(({ text }) => text)
      .join('')
  heldOutTexts.set(corpus, text)
  return text
}

/** Pieces of a text that begin anywhere. */
function windows(tokens: Int32Array, length: number, seed: number, count: number): Int32Array[] {
  const draws = stream(purpose(key(seed), 'held-out'))
  return Array.from({ length: count }, () => {
    const from = draws.integer(tokens.length - length + 1)
    return tokens.slice(from, from + length)
  })
}

function ifInstalled<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof NotInstalledError) return undefined
    throw error
  }
}
