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
   * Draws by Gumbels instead of the exact inverse CDF, {@link float32Gumbels} for the fault of float32 samplers. All values of
   * a position, its mask included, compete in one draw, and every row asks at every step (unless its answer is known).
   * Default: exact.
   */
  readonly gumbels?: GumbelNoise
}

/**
 * A sampler that takes every step by a kernel. Whether a position moves is drawn before where it goes, in float64: so the
 * network is asked for the rows alone in which something moves, and V values are summed up only where one moves. On
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
  return stages.length === 1 && stages[0].stay?.(maskOf(process), t, s) === 0
}

interface Drawing {
  readonly free: Int32Array
  readonly ask: Ask
  readonly gumbels?: GumbelNoise
}

/** One step of every row, stage by stage. */
async function runKernel(
  kernel: TokenKernel,
  start: readonly TokenState[],
  t: number,
  s: number,
  streams: readonly Key[],
  { free, ask, gumbels }: Drawing,
): Promise<TokenState[]> {
  const { process, stages } = kernel
  /** Newest first: the states at which each stage asked, and the answers. */
  const asked: (readonly TokenState[])[] = []
  const answers: (Float32Array | undefined)[][] = []
  let here = start
  for (const [index, stage] of stages.entries()) {
    const keys = streams.map((key) => fold(key, index))
    const origin = stage.from === 'start' ? start : here
    // Whether something moves can be told first only where no later stage needs this one's answer.
    const lazy = stages.length === 1 && gumbels === undefined && stage.stay !== undefined
    const moving = origin.map(({ tokens }, i) =>
      lazy ? moves(stage, tokens, free, t, s, keys[i]) : open(stage, tokens, free, t, s),
    )
    const rows = moving.flatMap((positions, i) => (positions.length > 0 ? [i] : []))
    const time = stage.asks(t, s)
    const given =
      rows.length > 0
        ? await ask(
            rows.map((i) => here[i]),
            new Float64Array(rows.length).fill(time),
          )
        : []
    asked.unshift(here)
    const all: (Float32Array | undefined)[] = new Array(start.length).fill(undefined)
    rows.forEach((i, k) => {
      all[i] = given[k]
    })
    answers.unshift(all)
    here = origin.map((state, i) => {
      if (moving[i].length === 0) return state
      const draws = { moving: moving[i], lazy, gumbels, key: keys[i] }
      const tokens = drawStage(
        process.vocabulary,
        stage,
        state.tokens,
        asked.map((at) => at[i].tokens),
        answers.map((of) => of[i]),
        t,
        s,
        draws,
      )
      return tokens ? { tokens, time: state.time } : state
    })
  }
  return [...here]
}

/** Free positions whose token moves, by one uniform each. */
function moves(stage: KernelStage, tokens: Int32Array, free: Int32Array, t: number, s: number, key: Key): number[] {
  const draws = new Float64Array(tokens.length)
  uniform(purpose(key, 'move'), draws)
  const moving: number[] = []
  for (const p of free)
    if (draws[p] >= (stage.stay as NonNullable<KernelStage['stay']>)(tokens[p], t, s)) moving.push(p)
  return moving
}

/** Free positions whose token may move. */
function open(stage: KernelStage, tokens: Int32Array, free: Int32Array, t: number, s: number): number[] {
  return Array.from(free.filter((p) => stage.stay === undefined || stage.stay(tokens[p], t, s) < 1))
}

/** The row after a stage, or undefined where nothing changed. */
function drawStage(
  vocabulary: number,
  stage: KernelStage,
  from: Int32Array,
  askedAt: readonly Int32Array[],
  answers: readonly (Float32Array | undefined)[],
  t: number,
  s: number,
  { moving, lazy, gumbels, key }: { moving: readonly number[]; lazy: boolean; gumbels?: GumbelNoise; key: Key },
): Int32Array | undefined {
  const move = new Float64Array(from.length)
  const where = new Float64Array(from.length)
  uniform(purpose(key, 'move'), move)
  uniform(purpose(key, 'where'), where)
  const law = new Float64Array(vocabulary + 1)
  const clean = answers.map(() => new Float64Array(vocabulary))
  let tokens: Int32Array | undefined
  for (const p of moving) {
    answers.forEach((logits, k) => {
      if (logits) softmaxAt(logits, p * vocabulary, vocabulary, clean[k])
    })
    const old = from[p]
    stage.law(
      askedAt.map((row) => row[p]),
      clean,
      t,
      s,
      law,
    )
    let token = old
    if (gumbels !== undefined) token = gumbelDraw(law, fold(purpose(key, 'gumbel'), p), gumbels)
    else if (lazy || move[p] >= law[old]) token = elsewhere(law, old, where[p])
    if (token === old) continue
    tokens ??= from.slice()
    tokens[p] = token
  }
  return tokens
}

/** A draw from the law without its old token, which has been drawn not to stay. */
function elsewhere(law: Float64Array, old: number, u: number): number {
  const stays = law[old]
  law[old] = 0
  let left = 0
  for (let v = 0; v < law.length; v++) left += law[v]
  // Where nothing else has a chance, rounding alone has moved it.
  const token = left > 0 ? categorical(u, law) : old
  law[old] = stays
  return token
}
