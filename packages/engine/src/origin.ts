/** Where the rollouts of a run begin that goes on from a state of another. */

import { readSnapshot, writeSnapshot } from 'espalier/tensor'

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
