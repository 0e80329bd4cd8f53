/** What rewards by name, by file and by address are, and what is made of them: the same for images and for text. */

import { clip, constraint, minimum, type Reward, scaled, threshold, weightedSum } from 'espalier/reward'
import type { Runtime } from 'espalier/runtime'
import { combinations, type RewardText } from './reward-grammar.ts'

/** Opens a reward that fits, with the networks that it has. */
export type Opening<X> = (runtime: Runtime) => Reward<X> | Promise<Reward<X>>

/** A reward of samples X that has a name; C is what is known of the model that makes them. */
export interface RewardKind<X, C> {
  /** What stands before the colon or the parenthesis. */
  readonly name: string
  /** How it is written, for help and errors. */
  readonly form: string
  readonly about: string
  /** Checks what stands behind the name, and the model. @throws Error */
  fit(argument: string, context: C): Opening<X> | Promise<Opening<X>>
}

/** All that a reward of samples X may be. The three that come from outside throw where they are not for anyone here. */
export interface RewardKinds<X, C> {
  /** What the samples are, such as `images`. */
  readonly of: string
  readonly kinds: readonly RewardKind<X, C>[]
  /** A module of JavaScript. */
  file(path: string, context: C): Opening<X> | Promise<Opening<X>>
  url(url: string, context: C): Opening<X> | Promise<Opening<X>>
  /** JavaScript behind `js:`. */
  expression(source: string, context: C): Opening<X> | Promise<Opening<X>>
  /** How those of the three are written that there are, for errors. */
  readonly outside: readonly string[]
  /** Rewards of other samples, to be told apart from those that do not exist. */
  others(): Promise<{ readonly of: string; readonly names: readonly string[] }>
}

/**
 * Checks a reward against a model, without a network.
 * @throws Error one line: what is not understood, is not there, or does not fit the model
 */
export async function fitted<X, C>(read: RewardText, all: RewardKinds<X, C>, context: C): Promise<Opening<X>> {
  switch (read.type) {
    case 'named': {
      const kind = all.kinds.find((candidate) => candidate.name === read.name)
      if (kind) return kind.fit(read.argument, context)
      throw await unknownReward(read.name, all)
    }
    case 'file':
      return all.file(read.path, context)
    case 'url':
      return all.url(read.url, context)
    case 'expression':
      return all.expression(read.source, context)
    case 'sum': {
      const open = await fittedAll(
        read.terms.map(({ of }) => of),
        all,
        context,
      )
      const weights = read.terms.map(({ weight }) => weight)
      return async (runtime) => {
        const rewards = await inTurn(open, (part) => part(runtime))
        if (rewards.length === 1) return scaled(rewards[0], weights[0])
        return weightedSum(rewards.map((reward, i) => ({ weight: weights[i], reward })))
      }
    }
    case 'min': {
      const open = await fittedAll(read.of, all, context)
      return async (runtime) => minimum(await inTurn(open, (part) => part(runtime)))
    }
    case 'clip': {
      const open = await fitted(read.of, all, context)
      if (read.low > read.high) throw new Error(`clip needs low <= high, got ${read.low} and ${read.high}`)
      return async (runtime) => clip(await open(runtime), read.low, read.high)
    }
    case 'threshold': {
      const open = await fitted(read.of, all, context)
      const { at, softness } = read
      if (softness !== undefined && softness <= 0)
        throw new Error(`threshold needs a softness above 0, got ${softness}`)
      return async (runtime) => threshold(await open(runtime), at, { softness })
    }
    case 'constraint': {
      const open = await fitted(read.of, all, context)
      const measures = await fittedAll(
        read.conditions.map(({ measured }) => measured),
        all,
        context,
      )
      return async (runtime) => {
        let reward = await open(runtime)
        for (let i = measures.length - 1; i >= 0; i--) {
          const { bound, value } = read.conditions[i]
          reward = constraint(await measures[i](runtime), { [bound]: value }, reward)
        }
        return reward
      }
    }
  }
}

function fittedAll<X, C>(parts: readonly RewardText[], all: RewardKinds<X, C>, context: C): Promise<Opening<X>[]> {
  return inTurn(parts, (part) => fitted(part, all, context))
}

/** One after another, so that the first error is that of the first. */
async function inTurn<T, U>(list: readonly T[], each: (item: T) => U | Promise<U>): Promise<U[]> {
  const done: U[] = []
  for (const item of list) done.push(await each(item))
  return done
}

async function unknownReward<X, C>(name: string, { of, kinds, outside, others }: RewardKinds<X, C>): Promise<Error> {
  const forms = [...kinds.map(({ form }) => form), ...outside].join(', ')
  const made = combinations.map(({ form }) => form).join(', ')
  const other = await others()
  const wrong = other.names.includes(name)
    ? `${name} is a reward of ${other.of}, and the model makes ${of}`
    : `there is no reward "${name}"`
  return new Error(`${wrong}; there are ${forms}, and of them ${made}`)
}
