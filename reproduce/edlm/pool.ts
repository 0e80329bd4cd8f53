/** The control: whole sequences of MDLM, of which one is chosen at the end by the model that weighs EDLM's drafts. */

import { categoricalFromLog, fold, key, logSumExp, purpose, stream } from 'espalier/tensor'
import { maskOf, type TokenSolver } from 'espalier/text'

/** Sequences with what is needed to choose among them. */
export interface Pool {
  readonly tokens: readonly Int32Array[]
  /** `log p_AR` of each. */
  readonly logs: readonly number[]
  /** Log of the chance with which its tokens were drawn, given the order in which masks fell. */
  readonly paths: readonly number[]
}

/**
 * The sampler, and the log of the chance with which it drew the tokens of each sequence: `sum log mu(x_l | state)` over
 * lifted masks. The order in which they fall does not depend on tokens, so `p_AR(x)` over it is an importance weight.
 */
export function traced(solver: TokenSolver): { readonly solver: TokenSolver; logOf(tokens: Int32Array): number } {
  const logs = new WeakMap<Int32Array, number>()
  const logOf = (tokens: Int32Array) => logs.get(tokens) ?? 0
  return {
    logOf,
    solver(task) {
      const sampler = solver(task)
      const mask = maskOf(task.process)
      const { vocabulary } = task.process
      return {
        ...sampler,
        async step(states, step, keys, ask) {
          let answers: readonly Float32Array[] = []
          const next = await sampler.step(states, step, keys, async (rows, times) => {
            if (rows.length !== states.length) throw new Error('a traced sampler asks about all of its states at once')
            answers = await ask(rows, times)
            return [...answers]
          })
          next.forEach(({ tokens }, i) => {
            const before = states[i].tokens
            if (tokens === before) return
            let log = logOf(before)
            for (let p = 0; p < tokens.length; p++) {
              if (before[p] !== mask || tokens[p] === mask) continue
              const row = answers[i].subarray(p * vocabulary, (p + 1) * vocabulary)
              log += row[tokens[p]] - logSumExp(row)
            }
            logs.set(tokens, log)
          })
          return next
        },
      }
    },
  }
}

/**
 * One of the first m of every `most` sequences: the likeliest to the model (`best`), or a draw by importance weights.
 */
export function chosen(
  { tokens, logs, paths }: Pool,
  most: number,
  m: number,
  by: 'best' | 'importance',
  seed: number,
): Int32Array[] {
  const root = purpose(key(seed), 'choose')
  return Array.from({ length: tokens.length / most }, (_, i) => {
    const own = Float64Array.from({ length: m }, (_, j) => logs[i * most + j])
    if (by === 'best') return tokens[i * most + own.indexOf(Math.max(...own))]
    const weights = own.map((log, j) => log - paths[i * most + j])
    return tokens[i * most + categoricalFromLog(stream(fold(root, i)).uniform(), weights)]
  })
}
