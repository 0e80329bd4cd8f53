import { categorical, fold, type Key, purpose, uniform } from '../tensor/random.ts'
import type { Ask } from './ask.ts'
import { softmaxAt } from './denoiser.ts'
import { type GumbelNoise, gumbelDraw } from './gumbel.ts'
import { type KernelFamily, type KernelStage, removal, type TokenKernel } from './kernel.ts'
import { maskOf } from './process.ts'
import {
  checkTimes,
  evenTimes,
  freePositions,
  startStates,
  stepStream,
  type TokenSolver,
  type TokenState,
} from './sampler.ts'

export interface KernelSamplerOptions {
  /** Steps of a grid from 1 to 0. */
  readonly steps?: number
  /** The times themselves, instead of `steps`. */
  readonly times?: readonly number[]
  /**
   * One more call that fills the masks that are left (masked) or takes the last noise away (uniform): by a draw, which
   * is unbiased, or the likeliest. Default: `sample` where the last step can leave some, `none` otherwise.
   */
  readonly removal?: 'sample' | 'argmax' | 'none'
  /**
   * Draws by Gumbels instead of the exact inverse CDF, {@link float32Gumbels} for the fault of float32 samplers. All
   * values of a position, its mask included, compete in one draw, and every row asks at every step (unless its answer
   * is known). Default: exact.
   */
  readonly gumbels?: GumbelNoise
}

/**
 * A sampler that takes every step by a kernel. Whether a position moves is drawn before where it goes, in float64: so
 * the network is asked for the rows alone in which something moves, and V values are summed up only where one moves. On
 * average that is `N (1 - (1 - 1/N)^L)` NFE a sequence on N even steps (L free positions, linear schedule).
 */
export function kernelSampler(family: KernelFamily, options: KernelSamplerOptions): TokenSolver {
  return (task) => {
    const { process } = task
    const times = checkTimes(options.times ?? evenTimes(options.steps ?? Number.NaN))
    const kernel = family(process)
    const last = options.removal ?? (complete(kernel, times) ? 'none' : 'sample')
    const steps = times.length - 1
    const final = last === 'none' ? undefined : removal(process, last)
    const free = freePositions(task)
    const at = (step: number): [TokenKernel, number, number] =>
      step < steps ? [kernel, times[step], times[step + 1]] : [final as TokenKernel, times[steps], 0]
    return {
      name: kernel.name,
      steps: final ? steps + 1 : steps,
      cost: (step) => at(step)[0].stages.length,
      time: (_, step) => times[Math.min(step, steps)],
      noised: (step) => (step > steps ? 0 : process.schedule.noised(times[step])),
      asksHere: () => true,
      remembers: false,
      start: (keys) => startStates(task, keys),
      step(states, step, keys, ask) {
        const [kernel, t, s] = at(step)
        const streams = keys.map((key) => fold(stepStream(key, step), 0))
        return runKernel(kernel, states, t, s, streams, { free, ask, gumbels: options.gumbels })
      },
    }
  }
}

/** Whether the last step of the grid surely leaves no mask. */
function complete({ process, stages }: TokenKernel, times: readonly number[]): boolean {
  const [t, s] = times.slice(-2)
  if (process.kind === 'uniform') return process.schedule.noised(s) === 0
  return stages.length === 1 && stages[0].stay(maskOf(process), t, s) === 0
}

interface Drawing {
  readonly free: Int32Array
  readonly ask: Ask
  readonly gumbels?: GumbelNoise
}

/** A draw of every position of every row; each array holds what stages so far have, the newest first. */
interface StageDraw {
  readonly stage: KernelStage
  readonly t: number
  readonly s: number
  /** Whether `moving` has been drawn to move, not only might. */
  readonly drawn: boolean
  readonly gumbels?: GumbelNoise
  /** Scratch. */
  readonly law: Float64Array
  readonly clean: readonly Float64Array[]
  readonly tokens: number[]
  readonly move: Float64Array
  readonly where: Float64Array
}

/** One step of every row, stage by stage. */
async function runKernel(
  { process, stages }: TokenKernel,
  start: readonly TokenState[],
  t: number,
  s: number,
  streams: readonly Key[],
  { free, ask, gumbels }: Drawing,
): Promise<TokenState[]> {
  const { vocabulary } = process
  const length = start[0]?.tokens.length ?? 0
  const asked: (readonly TokenState[])[] = []
  const answers: (readonly (Float32Array | undefined)[])[] = []
  const [law, move, where] = [vocabulary + 1, length, length].map((size) => new Float64Array(size))
  let here = start
  for (const [index, stage] of stages.entries()) {
    const keys = streams.map((key) => fold(key, index))
    const origin = stage.from === 'start' ? start : here
    // What moves can be drawn before the network is asked only where no later stage needs this one's answer.
    const drawn = stages.length === 1 && gumbels === undefined && stage.stay(maskOf(process), t, s) !== undefined
    const moving = origin.map(({ tokens }, i) => {
      if (drawn) uniform(purpose(keys[i], 'move'), move)
      return free.filter((p) => {
        const stays = stage.stay(tokens[p], t, s)
        return stays === undefined || (drawn ? move[p] >= stays : stays < 1)
      })
    })
    const rows = [...start.keys()].filter((i) => moving[i].length > 0)
    const at = here
    const states = rows.map((i) => at[i])
    const given = rows.length > 0 ? await ask(states, new Float64Array(rows.length).fill(stage.asks(t, s))) : []
    const all = new Array<Float32Array | undefined>(start.length).fill(undefined)
    rows.forEach((i, k) => {
      all[i] = given[k]
    })
    asked.unshift(here)
    answers.unshift(all)
    const clean = asked.map(() => new Float64Array(vocabulary))
    const draw = { stage, t, s, drawn, gumbels, law, clean, tokens: new Array<number>(asked.length), move, where }
    here = origin.map((state, i) => {
      if (moving[i].length === 0) return state
      const from = asked.map((states) => states[i].tokens)
      const logits = answers.map((rows) => rows[i])
      const tokens = drawRow(draw, state.tokens, moving[i], from, logits, keys[i])
      return tokens ? { tokens, time: state.time } : state
    })
  }
  return [...here]
}

/** The row after a stage, or undefined where nothing changed. */
function drawRow(
  { stage, t, s, drawn, gumbels, law, clean, tokens, move, where }: StageDraw,
  origin: Int32Array,
  moving: Int32Array,
  asked: readonly Int32Array[],
  answers: readonly (Float32Array | undefined)[],
  key: Key,
): Int32Array | undefined {
  const vocabulary = law.length - 1
  if (!drawn) uniform(purpose(key, 'move'), move)
  uniform(purpose(key, 'where'), where)
  let next: Int32Array | undefined
  for (const p of moving) {
    for (let k = 0; k < asked.length; k++) {
      tokens[k] = asked[k][p]
      const logits = answers[k]
      if (logits) softmaxAt(logits, p * vocabulary, vocabulary, clean[k])
    }
    stage.law(tokens, clean, t, s, law)
    let token = origin[p]
    if (gumbels) token = gumbelDraw(law, fold(purpose(key, 'gumbel'), p), gumbels)
    else if (drawn || move[p] >= law[token]) token = elsewhere(law, token, where[p])
    if (token === origin[p]) continue
    next ??= origin.slice()
    next[p] = token
  }
  return next
}

/** A draw from the law without its old token, which has been drawn not to stay. */
function elsewhere(law: Float64Array, old: number, u: number): number {
  law[old] = 0
  let left = 0
  for (let v = 0; v < law.length; v++) left += law[v]
  // Where nothing else has a chance, rounding alone has moved it.
  return left > 0 ? categorical(u, law) : old
}
