/** Rewards by name, file and address, and what is made of them: the same for images and for text. */

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import {
  clip,
  constraint,
  type FunctionRewardOptions,
  minimum,
  type Reward,
  scaled,
  threshold,
  weightedSum,
} from 'espalier/reward'
import { messageOf } from './errors.ts'
import { combinations, type RewardText } from './reward-grammar.ts'

/** A reward of samples X that has a name; C is what it is opened with. */
export interface RewardKind<X, C> {
  /** What stands before the colon or the parenthesis. */
  readonly name: string
  /** How it is written, for help and errors. */
  readonly form: string
  readonly about: string
  /** Reads what stands behind the name; the rest is done when the model is there. @throws Error */
  read(argument: string): (context: C) => Reward<X> | Promise<Reward<X>>
}

/** All that a reward of samples X may be. */
export interface RewardKinds<X, C> {
  /** What the samples are, such as `images`. */
  readonly of: string
  readonly kinds: readonly RewardKind<X, C>[]
  /** A module's `reward`. */
  module(fn: (...given: never[]) => unknown, options: FunctionRewardOptions): (context: C) => Reward<X>
  /** @throws Error where the address is none */
  server(url: string): (context: C) => Reward<X>
  /** Rewards of other samples, to be told apart from those that do not exist. */
  readonly others: { readonly of: string; readonly names: readonly string[] }
}

/** Milliseconds that a call of a module may take, unless it says otherwise. */
export const moduleTimeout = 60_000

/** Everything that can be told without a model is told before one is opened. */
export function prepared<X, C>(read: RewardText, all: RewardKinds<X, C>): (context: C) => Promise<Reward<X>> {
  switch (read.type) {
    case 'named': {
      const kind = all.kinds.find((candidate) => candidate.name === read.name)
      if (!kind) {
        const forms = all.kinds.map((candidate) => candidate.form).join(', ')
        const made = combinations.map(({ form }) => form).join(', ')
        const wrong = all.others.names.includes(read.name)
          ? `${read.name} is a reward of ${all.others.of}, and the model makes ${all.of}`
          : `there is no reward "${read.name}"`
        throw new Error(`${wrong}; there are ${forms}, ./my-reward.mjs, https://..., and of them ${made}`)
      }
      const open = kind.read(read.argument)
      return async (context) => open(context)
    }
    case 'file':
      return (context) => openModule(read.path, all, context)
    case 'url': {
      const open = all.server(read.url)
      return async (context) => open(context)
    }
    case 'sum': {
      const terms = read.terms.map(({ weight, of }) => ({ weight, open: prepared(of, all) }))
      return async (context) => {
        const opened = await inTurn(terms, async ({ weight, open }) => ({ weight, reward: await open(context) }))
        return opened.length === 1 ? scaled(opened[0].reward, opened[0].weight) : weightedSum(opened)
      }
    }
    case 'min': {
      const parts = read.of.map((part) => prepared(part, all))
      return async (context) => minimum(await inTurn(parts, (open) => open(context)))
    }
    case 'clip': {
      const open = prepared(read.of, all)
      if (read.low > read.high) throw new Error(`clip needs low <= high, got ${read.low} and ${read.high}`)
      return async (context) => clip(await open(context), read.low, read.high)
    }
    case 'threshold': {
      const open = prepared(read.of, all)
      const { at, softness } = read
      if (softness !== undefined && softness <= 0)
        throw new Error(`threshold needs a softness above 0, got ${softness}`)
      return async (context) => threshold(await open(context), at, { softness })
    }
    case 'constraint': {
      const open = prepared(read.of, all)
      const conditions = read.conditions.map((condition) => ({
        ...condition,
        measure: prepared(condition.measured, all),
      }))
      return async (context) => {
        let reward = await open(context)
        for (const { measure, bound, value } of conditions.reverse()) {
          reward = constraint(await measure(context), { [bound]: value }, reward)
        }
        return reward
      }
    }
  }
}

/** One after another, so that the first error is that of the first. */
async function inTurn<T, U>(list: readonly T[], each: (item: T) => Promise<U>): Promise<U[]> {
  const done: U[] = []
  for (const item of list) done.push(await each(item))
  return done
}

/** A module with `export function reward(samples)`: one number per sample, at once or as a promise. */
async function openModule<X, C>(path: string, all: RewardKinds<X, C>, context: C): Promise<Reward<X>> {
  if (!existsSync(path)) throw new Error(`${path}: no such file; check the path`)
  let module: { reward?: unknown; timeout?: unknown; name?: unknown }
  try {
    module = await import(pathToFileURL(resolve(path)).href)
  } catch (error) {
    throw new Error(`${path}: the module cannot be loaded: ${messageOf(error)}`)
  }
  const { reward, timeout = moduleTimeout, name = path } = module
  if (typeof reward !== 'function') {
    const names = Object.keys(module).join(', ') || 'nothing'
    throw new Error(`${path}: it exports ${names}; a function named "reward" is needed`)
  }
  if (typeof timeout !== 'number') throw new Error(`${path}: its timeout is ${timeout}; milliseconds are needed`)
  if (typeof name !== 'string' || name === '') throw new Error(`${path}: its name is ${name}; a text is needed`)
  return all.module(reward as (...given: never[]) => unknown, { name, timeout })(context)
}
