/** Where the rollouts of a run begin that goes on from a state of another. */

import { searchFrom } from 'espalier/search'
import { readSnapshot, writeSnapshot } from 'espalier/tensor'
import type { RunConfig } from './engine.ts'
import type { Prepared } from './set-up.ts'
import type { SearchView } from './view.ts'

const format = 'espalier-origin-1'

export interface Origin {
  /** Steps of a sample that are left behind the state. */
  readonly left: number
  /** As its chain saves it. */
  readonly state: Float32Array
}

/** An origin as a file. */
export function originFile({ left, state }: Origin): Uint8Array {
  return writeSnapshot(format, { left, state })
}

/** Reads what {@link originFile} gave. @throws one line where it is damaged */
export function readOrigin(bytes: Uint8Array): Origin {
  const { left, state } = readSnapshot(format, bytes).value as Partial<Origin>
  if (Number.isSafeInteger(left) && (left as number) > 0 && state instanceof Float32Array) {
    return { left: left as number, state }
  }
  throw new Error('the state that the run begins with is damaged')
}

/** What two runs must have in common where one goes on from a state of the other. */
const sameSteps = ['model', 'steps', 'grid', 'solver', 'class', 'prompt', 'length'] as const

/** A run that another goes on from. */
interface Earlier {
  readonly id: string
  readonly config: RunConfig
  readonly view: SearchView
  /** Where it had begun itself, where that was not noise. */
  readonly origin?: Origin
}

/**
 * The state at a node of a run, for one that goes on from there.
 * @throws one line where the two runs do not take the same steps, there is no such state, or nothing is drawn behind it
 */
export function originAt(node: number, { config, stepsLeft, draws }: Prepared, earlier: Earlier): Origin {
  const { id, config: other, view, origin } = earlier
  for (const name of sameSteps) {
    if (config[name] === other[name]) continue
    const [own, needed] = [config[name], other[name]].map((value) => value ?? 'none')
    throw new Error(`the ${name} of the run ${id} is ${needed}, here it is ${own}; they must be the same`)
  }
  if (searchFrom(config.method).chain === 'deterministic') {
    throw new Error(`${config.method} searches over start noises, and there is one start here; take another method`)
  }
  const { depth, leaf, data: state } = view.saved(node)
  if (leaf) throw new Error(`node ${node} of the run ${id} is a sample that is done; take one above it`)
  const left = stepsLeft(searchFrom(other.method), origin?.left)[depth]
  if (!draws(left)) throw new Error(`nothing is drawn any more behind node ${node} of the run ${id}; take one above it`)
  return { left, state }
}
