import type { Reward } from '../../reward/reward.ts'
import { stringReward } from './string-reward.ts'
import { linesOf, wordsOf } from './words.ts'

/**
 * Pronunciations as the CMU dictionary writes them: `{ "heaven": "HH EH1 V AH0 N" }`, vowels with their stress (1 main,
 * 2 side, 0 none), further pronunciations of a word as `heaven(2)`.
 */
export type PronouncingDictionary = Readonly<Record<string, string>>

export interface RhymeOptions {
  /** Lines of a stanza by letters; those of one letter rhyme, each with the next of its letter. Default `AA`. */
  readonly scheme?: string
  /** What ends a line. Default: a line break. Of prose one may take the ends of clauses, `/[\n.:;,?!]/`. */
  readonly breaks?: RegExp
}

/**
 * How well the last words of lines rhyme: the mean of {@link rhymeOf} over the pairs that the scheme asks for; 0 where
 * there is no pair. Lines without a word are left out.
 *
 * @throws where the scheme asks for no rhyme
 */
export function rhymeReward(dictionary: PronouncingDictionary, options: RhymeOptions = {}): Reward<string> {
  const { scheme = 'AA', breaks = /\n/ } = options
  /** Of each line of a stanza, how many lines before it the one is that it rhymes with. */
  const back = Array.from(scheme, (letter, i) => i - scheme.lastIndexOf(letter, i - 1)).map((b, i) =>
    i > 0 && b <= i ? b : 0,
  )
  if (!/^[A-Za-z]+$/.test(scheme) || back.every((b) => b === 0)) {
    throw new Error(`a rhyme scheme is written in letters such as AABB, one of them twice at least, got "${scheme}"`)
  }
  return stringReward(scheme === 'AA' ? 'rhyme' : `rhyme ${scheme}`, (text) => {
    const last = linesOf(text.split(breaks).join('\n')).map((line) => wordsOf(line).at(-1) as string)
    let sum = 0
    let pairs = 0
    last.forEach((word, i) => {
      const distance = back[i % scheme.length]
      if (distance === 0) return
      sum += rhymeOf(dictionary, last[i - distance], word)
      pairs++
    })
    return pairs === 0 ? 0 : sum / pairs
  })
}

/**
 * How well two words rhyme, 0 to 1. The rhyming part of a word is what is heard from its last stressed vowel on. 1 is
 * the perfect rhyme: the same rhyming part after another consonant (or none). Else it is the share of the (longer) part
 * that agrees from the end on: half-rhymes count in part. The same sounds after the same consonant are a repetition,
 * not a rhyme, and count 0; so does a word that the dictionary does not know. Of several pronunciations the best counts.
 */
export function rhymeOf(dictionary: PronouncingDictionary, a: string, b: string): number {
  if (a === b) return 0
  let best = 0
  for (const p of pronunciations(dictionary, a)) {
    for (const q of pronunciations(dictionary, b)) best = Math.max(best, agreement(p, q))
  }
  return best
}

interface Pronunciation {
  /** The consonant before the rhyming part, or nothing. */
  readonly onset: string
  /** The rhyming part, without stresses. */
  readonly part: readonly string[]
}

function pronunciations(dictionary: PronouncingDictionary, word: string): Pronunciation[] {
  const found: Pronunciation[] = []
  for (let k = 1; ; k++) {
    const name = k === 1 ? word : `${word}(${k})`
    if (!Object.hasOwn(dictionary, name)) return found
    const sounds = dictionary[name].split(' ')
    const stressed = sounds.findLastIndex((sound) => /[12]$/.test(sound))
    const from = Math.max(0, stressed >= 0 ? stressed : sounds.findLastIndex((sound) => sound.endsWith('0')))
    found.push({ onset: sounds[from - 1] ?? '', part: sounds.slice(from).map((sound) => sound.replace(/\d$/, '')) })
  }
}

function agreement(p: Pronunciation, q: Pronunciation): number {
  const length = Math.max(p.part.length, q.part.length)
  let same = 0
  while (same < length && p.part.at(-1 - same) === q.part.at(-1 - same)) same++
  return same === length && p.onset === q.onset ? 0 : same / length
}
