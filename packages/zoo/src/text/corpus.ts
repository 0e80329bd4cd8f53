import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { key, purpose } from 'espalier/tensor'
import { createTokenizer, type TextTokenizer } from 'espalier/text'
import { Epochs } from '../epochs.ts'
import { NotInstalledError } from '../idx.ts'
import { trainTokenizer } from './bpe.ts'

/** A part of a corpus, as one text; `label` where its parts have classes. */
export interface Passage {
  readonly text: string
  readonly label: number
}

/** A corpus cut in passages that never share text between training and test. */
export interface Corpus {
  /** One line for the cards. */
  readonly source: string
  readonly classes: readonly string[]
  /** Tokens of its tokenizer; at most as many as it has characters: a tokenizer of characters. */
  readonly vocabulary: number
  /** Whether passages have nothing to do with their neighbours, so that any may follow any. */
  readonly independent: boolean
  read(split: 'train' | 'test'): readonly Passage[]
}

/** Sections of the Bible, by the book that each begins with. */
const sections: readonly (readonly [string, string])[] = [
  ['law', 'Ge'],
  ['history', 'Josh'],
  ['wisdom', 'Job'],
  ['prophets', 'Isa'],
  ['gospels', 'Mat'],
  ['epistles', 'Rom'],
  ['apocalypse', 'Rev'],
]

/**
 * The King James Bible (1611, 1769 text) from Debian's `bible-kjv`, a passage a chapter, a line a verse. Every twentieth
 * chapter is for the test.
 */
export const kjvCorpus: Corpus = {
  source: 'King James Bible, 19 of 20 chapters (Debian bible-kjv)',
  classes: sections.map(([name]) => name),
  vocabulary: 1024,
  independent: false,
  read: (split) => kjvChapters().filter((_, i) => (i % 20 === 7) === (split === 'test')),
}

function kjvChapters(): Passage[] {
  let dump: string
  try {
    dump = execFileSync('bible', ['-f', 'Gen1:1-Rev22:21'], { encoding: 'utf8', maxBuffer: 2 ** 26 })
  } catch {
    throw new NotInstalledError(
      'The King James Bible is not installed: run "apt-get install bible-kjv" (Debian, Ubuntu)',
    )
  }
  const chapters: { readonly at: string; readonly label: number; readonly verses: string[] }[] = []
  let label = -1
  for (const line of dump.trimEnd().split('\n')) {
    const parts = /^((\d?[A-Za-z]+)\d+):\d+ (.*)$/.exec(line)
    if (!parts) throw new Error(`the dump of the Bible has a line that is not a verse: ${line.slice(0, 80)}`)
    const [, at, book, verse] = parts
    if (book === sections[label + 1]?.[1]) label++
    if (chapters.at(-1)?.at !== at) chapters.push({ at, label, verses: [] })
    chapters.at(-1)?.verses.push(verse.replaceAll(/\s+/g, ' ').trim())
  }
  return chapters.map(({ label, verses }) => ({ label, text: `${verses.join('\n')}\n` }))
}

/**
 * American English words of Debian's `wamerican`: those of lower-case letters alone, a line each, in random order. A
 * passage is a word; every twentieth is for the test.
 */
export const wordsCorpus: Corpus = {
  source: 'American English words, 19 of 20 (Debian wamerican)',
  classes: ['words'],
  vocabulary: 27,
  independent: true,
  read: (split) => {
    const words = readWords()
    const order = new Epochs(words.length, purpose(key(0), 'words'))
    const shuffled = words.map((_, i) => ({ label: 0, text: `${words[order.index(i)]}\n` }))
    return shuffled.filter((_, i) => (i % 20 === 7) === (split === 'test'))
  },
}

/** All words of lower-case letters, sorted. @throws Error that says what to install */
export function readWords(file = '/usr/share/dict/american-english'): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((word) => /^[a-z]+$/.test(word))
  } catch {
    throw new NotInstalledError('The list of words is not installed: run "apt-get install wamerican" (Debian, Ubuntu)')
  }
}

/** The passages as tokens, with the tokenizer that the training part gives. */
export interface TokenCorpus {
  readonly tokenizer: TextTokenizer
  readonly tokenizerJson: object
  readonly train: TokenStream
  readonly test: TokenStream
}

/** Passages one after another. */
export interface TokenStream {
  readonly tokens: Int32Array
  /** Where each passage begins, and the end. */
  readonly bounds: readonly number[]
  readonly labels: readonly number[]
  /** Whether any passage may follow any. */
  readonly independent: boolean
  /** Characters of the text. */
  readonly characters: number
}

const read = new Map<Corpus, TokenCorpus>()

/** Reads and encodes a corpus; once a process. */
export function tokenCorpus(corpus: Corpus): TokenCorpus {
  const known = read.get(corpus)
  if (known) return known
  const train = corpus.read('train')
  const tokenizerJson = trainTokenizer(train.map(({ text }) => text).join(''), corpus.vocabulary)
  const tokenizer = createTokenizer(tokenizerJson)
  const encoded = {
    tokenizer,
    tokenizerJson,
    train: streamOf(train, tokenizer, corpus.independent),
    test: streamOf(corpus.read('test'), tokenizer, corpus.independent),
  }
  read.set(corpus, encoded)
  return encoded
}

function streamOf(passages: readonly Passage[], tokenizer: TextTokenizer, independent: boolean): TokenStream {
  const parts = passages.map(({ text }) => tokenizer.encode(text))
  const bounds = [0]
  for (const part of parts) bounds.push(bounds[bounds.length - 1] + part.length)
  const tokens = new Int32Array(bounds[bounds.length - 1])
  parts.forEach((part, i) => void tokens.set(part, bounds[i]))
  const characters = passages.reduce((n, { text }) => n + text.length, 0)
  return { tokens, bounds, labels: passages.map(({ label }) => label), independent, characters }
}
