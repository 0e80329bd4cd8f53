/** Rewards of text by name. */

import type { Reward } from 'espalier/reward'
import {
  alliteration,
  type ClassTransform,
  distinctness,
  grammarReward,
  type LengthUnit,
  lengthReward,
  lengthUnits,
  loadTokenClassReward,
  type Matcher,
  nearPattern,
  type PatternMeasure,
  type PronouncingDictionary,
  patternReward,
  rhymeReward,
  sentimentReward,
  type TextTokenizer,
  type TokenClassifierCard,
  type TokenSample,
  textReward,
  validWords,
  wordsOf,
} from 'espalier/text'
import { lineOf } from './engine-error.ts'
import { type FoundModel, ofClassifier } from './fitting-classifier.ts'
import type { Opening, RewardKind } from './reward-kinds.ts'

/** Words that rewards know, loaded when one is asked for. */
export interface WordLists {
  /** Scores of words, such as AFINN-165. */
  sentiment(): Promise<Readonly<Record<string, number>>>
  /** How English words sound, in the form of the CMU dictionary. */
  dictionary(): Promise<PronouncingDictionary>
}

/** Makes what finds the matches of a regular expression. @throws one line where it does not understand it */
export type MatcherOf = (source: string, flags: string) => Matcher

/** What rewards are told of the model that makes the texts, and of where they are. */
export interface TextRewardContext {
  readonly tokenizer: TextTokenizer
  /**
   * The classifier of such tokens of that name, or that fits a label best.
   * @throws one line where there is none, or it reads other tokens
   */
  classifier(label: string, name?: string): Promise<FoundModel<TokenClassifierCard>>
  /** Reads a file; not there where a reward must not. */
  readonly read?: (file: string) => Uint8Array
  /** Where there are some. */
  readonly words?: WordLists
  /** What finds matches. Default: the regular expressions of the language. */
  readonly matcher?: MatcherOf
  /** Of `edits:`, as `nearPattern` takes it. */
  readonly work?: number
}

/** Words of a run of `distinct:`, at most: texts of more are different from each other anyway, and long to compare. */
const LONGEST_RUN = 100

type Kind = RewardKind<TokenSample, TextRewardContext>

/** Every reward of text that has a name. */
export const textRewardKinds: readonly Kind[] = [
  classKind(
    'class',
    'log-softmax',
    'log-probability that a classifier gives to a class; class:<label>@<model> names it',
  ),
  classKind('odds', 'log-odds', 'log-odds log p / (1 - p) of the probability that a classifier gives to a class'),
  classKind('prob', 'softmax', 'probability that a classifier gives to a class'),
  matchesKind('matches', 'whether a regular expression is found, 1 or 0', 'found'),
  patternKind(
    'edits',
    'minus the least characters to change until a regular expression is found',
    (source, flags, { work }) => nearPattern(new RegExp(source, flags), { work }),
  ),
  matchesKind('count', 'number of matches of a regular expression', 'count'),
  matchesKind('share', 'share of the characters that lie in matches of a regular expression', 'share'),
  stringKind(
    'grammar',
    'grammar:<file>',
    'share of a text that follows the grammar of a file, 1 for all of it',
    (file, context) => {
      const reward = grammarReward(readText('grammar', file, context), { name: `grammar ${file}` })
      return () => reward
    },
  ),
  stringKind(
    'length',
    'length:<n> words',
    'minus the distance to a length, or to a range as 10-20, in characters, words or lines',
    (argument) => {
      const reward = readLength(argument)
      return () => reward
    },
  ),
  stringKind(
    'rhyme',
    'rhyme:<scheme>',
    'rhymes at the ends of lines, from 0 to 1; schemes are AA (default), ABAB, ...; rhyme:AA clauses takes ends of clauses',
    readRhyme,
  ),
  stringKind(
    'sentiment',
    'sentiment',
    'mean score of the words, -5 to 5 (AFINN-165), turned round after a "not"',
    (rest, context) => {
      nothing('sentiment', rest)
      const words = wordLists('sentiment', context)
      return async () => sentimentReward(await words.sentiment())
    },
  ),
  stringKind(
    'words',
    'words:<file>',
    'share of the words that are in the list of a file, or without one in English',
    (file, context) => {
      if (file === '') {
        const words = wordLists('words', context)
        return async () => validWords(new Set(Object.keys(await words.dictionary())))
      }
      const list = new Set(wordsOf(readText('words', file, context)))
      if (list.size === 0) throw new Error(`words:${file} holds no words; one a line is expected`)
      return () => validWords(list)
    },
  ),
  stringKind(
    'distinct',
    'distinct:<n>',
    'share of runs of n words (default 2) that are different from each other',
    (n) => {
      if (Number(n) > LONGEST_RUN) throw new Error(`distinct counts runs of 1 to ${LONGEST_RUN} words, got ${n}`)
      const reward = distinctness(n === '' ? 2 : Number(n))
      return () => reward
    },
  ),
  stringKind('alliteration', 'alliteration', 'share of neighbouring words that begin with the same letter', (rest) => {
    nothing('alliteration', rest)
    return alliteration
  }),
]

/** A reward of strings. */
function stringKind(
  name: string,
  form: string,
  about: string,
  fit: (argument: string, context: TextRewardContext) => Opening<string>,
): Kind {
  return {
    name,
    form,
    about,
    fit(argument, context) {
      const open = fit(argument.trim(), context)
      return async (runtime) => textReward(context.tokenizer, await open(runtime))
    },
  }
}

function matchesKind(name: string, about: string, measure: PatternMeasure): Kind {
  return patternKind(name, about, (source, flags, { matcher }) =>
    patternReward(matcher ? matcher(source, flags) : new RegExp(source, flags), measure),
  )
}

function patternKind(
  name: string,
  about: string,
  make: (source: string, flags: string, context: TextRewardContext) => Reward<string>,
): Kind {
  return stringKind(name, `${name}:/regex/`, about, (argument, context) => {
    const complaint = `${name} needs a regular expression between slashes, such as ${name}:/lo(ve|rd)/i`
    const [, source, flags] = /^\/(.+)\/([a-z]*)$/is.exec(argument) ?? []
    if (source === undefined) throw new Error(`${complaint}; got "${argument}"`)
    let reward: Reward<string>
    try {
      reward = make(source, flags, context)
    } catch (error) {
      throw new Error(`${complaint}: ${lineOf(error)}`)
    }
    return () => reward
  })
}

function readLength(argument: string): Reward<string> {
  const [, least, most, unit = 'characters'] = /^(\d+)(?:\s*-\s*(\d+))?(?:\s+([a-z]+))?$/.exec(argument) ?? []
  if (least === undefined || !(lengthUnits as readonly string[]).includes(unit)) {
    throw new Error(
      `length is written as length:40 or length:10-20 words (${lengthUnits.join(', ')}), got "${argument}"`,
    )
  }
  return lengthReward([Number(least), Number(most ?? least)], unit as LengthUnit)
}

function readRhyme(argument: string, context: TextRewardContext): Opening<string> {
  const [, scheme, unit] = /^([A-Z]+)?\s*(lines|clauses)?$/.exec(argument) ?? []
  if (argument !== '' && scheme === undefined && unit === undefined) {
    throw new Error(`rhyme is written as rhyme, rhyme:ABAB or rhyme:AA clauses, got "${argument}"`)
  }
  const options = { ...(scheme && { scheme }), ...(unit === 'clauses' && { breaks: /[\n.:;,?!]/ }) }
  rhymeReward({}, options) // a scheme without a rhyme is told before a model is opened
  const words = wordLists('rhyme', context)
  return async () => rhymeReward(await words.dictionary(), options)
}

function wordLists(reward: string, { words }: TextRewardContext): WordLists {
  if (words) return words
  throw new Error(`${reward} needs lists of words, which are not here; run it on a server`)
}

function nothing(name: string, argument: string): void {
  if (argument !== '') throw new Error(`${name} takes nothing behind it, got "${argument}"`)
}

function readText(name: string, file: string, { read }: TextRewardContext): string {
  if (file === '') throw new Error(`${name} needs a file, as ${name}:<file>`)
  if (!read) throw new Error(`${name}:${file} reads a file, and no files are read here`)
  try {
    return new TextDecoder().decode(read(file))
  } catch (error) {
    throw new Error(`${name}:${file}: ${lineOf(error)}`)
  }
}

function classKind(name: string, transform: ClassTransform, about: string): Kind {
  return {
    name,
    form: `${name}:<label>`,
    about,
    async fit(argument, { classifier }) {
      const at = argument.lastIndexOf('@')
      const [label, wanted] = at < 0 ? [argument, undefined] : [argument.slice(0, at), argument.slice(at + 1)]
      if (label === '' || wanted === '') throw new Error(`${name} needs a class, as ${name}:<label>, got "${argument}"`)
      const { name: chosen, card, graph } = await classifier(label, wanted)
      if (!card.classes.includes(label)) {
        throw new Error(`the classifier ${chosen} knows no class "${label}"; it knows ${card.classes.join(', ')}`)
      }
      return ofClassifier(chosen, async (runtime) =>
        loadTokenClassReward(runtime, await graph(), card, label, transform),
      )
    },
  }
}
