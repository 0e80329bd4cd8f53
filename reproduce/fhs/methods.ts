/** Samplers by name, each in as many steps as spend the NFE of first hitting in so many calls. */

import {
  ancestral,
  confidenceOrdered,
  firstHitting,
  type KernelFamily,
  kernelSampler,
  remasking,
  type TokenSolver,
  tauLeaping,
  thetaRk2,
  thetaTrapezoidal,
  tokenEuler,
} from 'espalier/text'
import { counted, stepsFor } from './cost.ts'
import { names } from './names.ts'

export interface Method {
  readonly name: string
  /** Whether in one call a token, or in steps without end, it is the exact sampler itself. */
  readonly exactInTheEnd: boolean
  solver(calls: number): Promise<TokenSolver>
}

/** Steps that are tried, at most: where all masks fall one by one, more steps ask no more. */
const most = { one: 1024, two: 256 } as const

/** @param batch sequences that are sampled together, of so many tokens */
export function methodsFor(length: number, batch: number): Method[] {
  const inCalls = (name: string, of: (calls: number) => TokenSolver, exactInTheEnd = false): Method => ({
    ...{ name, exactInTheEnd },
    solver: async (calls) => of(calls),
  })
  const stepping = (name: string, family: KernelFamily, limit: number = most.one, exactInTheEnd = true): Method => ({
    ...{ name, exactInTheEnd },
    async solver(calls) {
      const of = (steps: number) => kernelSampler(family, { steps })
      const { nfe } = await counted(firstHitting({ calls }), length, batch)
      return of(await stepsFor(nfe, of, { length, batch, most: limit }))
    },
  })
  return [
    inCalls(names.exact, (calls) => firstHitting({ calls })),
    inCalls(names.extrapolated, (calls) => firstHitting({ calls, order: 2 }), true),
    inCalls(names.corrected, (calls) => firstHitting({ calls, correct: true }), true),
    stepping(names.ancestral, ancestral),
    stepping(names.euler, tokenEuler),
    stepping(names.leaping, tauLeaping),
    stepping(names.rk2, thetaRk2(), most.two),
    stepping(names.trapezoidal, thetaTrapezoidal(), most.two),
    stepping(names.remasking, remasking({ cap: 0.05 }), most.one, false),
    inCalls(names.confident, (calls) => confidenceOrdered({ calls })),
  ]
}
