import type { Condition } from '../process/denoiser.ts'
import { categorical, fold, type Key, key as keyOf, purpose, uniform } from '../tensor/random.ts'
import { Asker } from './ask.ts'
import { countedTokens, maskedPositions, softmaxAt, type TokenDenoiser } from './denoiser.ts'
import { ancestral, type KernelFamily, scaledEuler, type TokenKernel } from './kernel.ts'
import { kernelSampler } from './kernel-sampler.ts'
import { maskOf, type TokenProcess } from './process.ts'
import { promptOf } from './sample-tokens.ts'
import { checkTimes, evenTimes, freePositions, type TokenSolver, type TokenState } from './sampler.ts'

/** A sampler of few steps as numbers: its times, and the factor of the concrete score at the start of each step. */
export interface SamplerProfile {
  readonly times: readonly number[]
  /** One a step. */
  readonly factors: readonly number[]
}

/**
 * Euler steps with learned factors (LSD, Fu et al. 2025, arXiv 2509.19962). Masks that are left at the end are filled
 * by one more call: with a last factor below 1 that is one call more than Euler on a linear schedule needs.
 * @throws where times and factors do not fit
 */
export function profiledSampler({ times, factors }: SamplerProfile): TokenSolver {
  checkTimes(times)
  const odd = factors.findIndex((factor) => !(factor >= 0 && factor < Infinity))
  if (factors.length !== times.length - 1 || odd >= 0) {
    const what =
      odd >= 0 ? `factor ${odd} is ${factors[odd]}` : `${factors.length} factors for ${times.length - 1} steps`
    throw new Error(`a sampler profile has one factor >= 0 a step: ${what}`)
  }
  return kernelSampler(scaledEuler(factorAt({ times, factors })), { times })
}

export interface DistilOptions {
  readonly denoiser: TokenDenoiser
  /** Steps of the student. */
  readonly steps: number
  /** Steps of the teacher, a multiple of the student's. Default 64 times as many, 256 at most. */
  readonly teacherSteps?: number
  /** The steps of the teacher. Default {@link ancestral}. */
  readonly teacher?: KernelFamily
  /** Pairs of trajectories. Default 64. */
  readonly pairs?: number
  readonly seed: number
  /**
   * Whether teacher and student share one reveal time and one token uniform a position. Without it the two sequences
   * have nothing to do with one another, and the factors shrink towards 0 whatever the model: see {@link
   * distilSampler}. Default true.
   */
  readonly coupled?: boolean
  /** Bounds of the factors. Default [0.5, 2]. */
  readonly clip?: readonly [number, number]
  readonly prompt?: ArrayLike<number>
  readonly length?: number
  readonly condition?: Condition
}

export interface DistilledProfile extends SamplerProfile {
  /** Network evaluations of the fit. */
  readonly nfe: number
}

/**
 * LSD on a masked process: the factor of each student step that brings its score, at the student's own states, closest
 * to the teacher's score at the same time, `factor_k = E<s*, s> / E<s, s>` (least squares in closed form), one step
 * after the other with the factors before it. The first is 1, as both begin alike.
 *
 * On a linear schedule with the exact denoiser there is little to gain, since Euler is exact in time there. With
 * streams that are not coupled the regression sees two unrelated sequences: the factors fall step by step, which defers
 * tokens to the last call and sharpens nothing.
 *
 * @throws where the process is not masked, or the steps do not divide the teacher's
 */
export async function distilSampler(options: DistilOptions): Promise<DistilledProfile> {
  const { steps, pairs = 64, seed, coupled = true, clip = [0.5, 2], teacher = ancestral } = options
  const teacherSteps = options.teacherSteps ?? steps * Math.max(1, Math.min(64, Math.floor(256 / steps)))
  const times = evenTimes(steps)
  if (!(Number.isInteger(teacherSteps / steps) && teacherSteps >= steps)) {
    throw new Error(`a teacher of ${teacherSteps} steps, expected a multiple of the student's ${steps}`)
  }
  if (!(Number.isInteger(pairs) && pairs >= 1)) throw new Error(`${pairs} pairs, expected a whole number from 1 on`)
  const meter = { nfe: 0 }
  const denoiser = countedTokens(options.denoiser, meter)
  const { process } = denoiser
  if (process.kind !== 'masked') throw new Error('LSD is fitted on masked processes here, this one is uniform')
  const prompt = promptOf(denoiser, options)
  const asker = new Asker(denoiser, options.condition)
  const free = freePositions({ process, prompt })
  const root = purpose(keyOf(seed), 'distil')
  const keys = Array.from({ length: pairs }, (_, i) => fold(root, i))
  const begin = { tokens: prompt, time: 1 }
  const walkers = keys.map((key) => ({
    teacher: new Walk(process, begin, free, purpose(key, 'walk')),
    student: new Walk(process, begin, free, purpose(key, coupled ? 'walk' : 'student')),
  }))
  const ask = (states: readonly TokenState[], t: number) =>
    asker.ask(states, new Float64Array(states.length).fill(t), true)
  const fine = evenTimes(teacherSteps)
  const every = teacherSteps / steps
  const factors: number[] = []
  const student = staying(scaledEuler(factorAt({ times, factors }))(process))
  const master = staying(teacher(process))
  for (let k = 0; k < steps; k++) {
    const t = times[k]
    const of = async (who: 'teacher' | 'student') =>
      ask(
        walkers.map((pair) => pair[who].state),
        t,
      )
    const [wanted, own] = [await of('teacher'), await of('student')]
    let [num, den] = [0, 0]
    walkers.forEach((pair, i) => {
      const products = scoreProducts(process, pair.teacher.state, wanted[i], pair.student.state, own[i])
      num += products.cross
      den += products.square
    })
    factors.push(den > 0 ? Math.min(clip[1], Math.max(clip[0], num / den)) : 1)
    await advance(
      walkers.map((pair) => pair.student),
      student(t, times[k + 1]),
      t,
      ask,
    )
    for (let j = k * every; j < (k + 1) * every; j++) {
      await advance(
        walkers.map((pair) => pair.teacher),
        master(fine[j], fine[j + 1]),
        fine[j],
        ask,
      )
    }
  }
  return { times, factors, nfe: meter.nfe }
}

/** Probability that a mask stays in a step. @throws where the kernel does more than lift masks at a time's own rate */
function staying({ name, process, stages }: TokenKernel): (t: number, s: number) => number {
  const [stage] = stages
  return (t, s) => {
    const stays = stage.stay(maskOf(process), t, s)
    if (stages.length === 1 && stays !== undefined && stage.stay(0, t, s) === 1) return stays
    throw new Error(`${name} cannot teach: its step is not one that lifts masks with a known probability`)
  }
}

/** The factor of the step that begins at a time of the profile. */
function factorAt({ times, factors }: SamplerProfile): (t: number) => number {
  return (t) => factors[times.indexOf(t)] ?? 1
}

/**
 * `<s*, s>` and `<s, s>` over positions that are unknown: of known ones the score is 0. Both at one time, so mu will
 * do.
 */
function scoreProducts(
  process: TokenProcess,
  teacher: TokenState,
  wanted: Float32Array,
  student: TokenState,
  own: Float32Array,
) {
  const { vocabulary } = process
  const [p, q] = [new Float64Array(vocabulary), new Float64Array(vocabulary)]
  let [cross, square] = [0, 0]
  for (const position of maskedPositions(process, student.tokens)) {
    softmaxAt(own, position * vocabulary, vocabulary, q)
    for (let v = 0; v < vocabulary; v++) square += q[v] * q[v]
    if (teacher.tokens[position] !== maskOf(process)) continue
    softmaxAt(wanted, position * vocabulary, vocabulary, p)
    for (let v = 0; v < vocabulary; v++) cross += p[v] * q[v]
  }
  return { cross, square }
}

/** A trajectory whose randomness is two uniforms a position: how long it stays masked, and what it becomes. */
class Walk {
  state: TokenState
  readonly free: Int32Array
  readonly #when: Float64Array
  readonly #what: Float64Array
  /** Probability that a position is masked still. */
  #masked = 1
  readonly #process: TokenProcess

  constructor(process: TokenProcess, state: TokenState, free: Int32Array, key: Key) {
    this.#process = process
    this.state = state
    this.free = free
    this.#when = new Float64Array(state.tokens.length)
    this.#what = new Float64Array(state.tokens.length)
    uniform(purpose(key, 'when'), this.#when)
    uniform(purpose(key, 'what'), this.#what)
  }

  /** Positions that are lifted where each mask stays with this probability. */
  lifted(stays: number): Int32Array {
    this.#masked *= stays
    const { tokens } = this.state
    return this.free.filter((p) => tokens[p] === maskOf(this.#process) && this.#when[p] >= this.#masked)
  }

  lift(positions: Int32Array, logits: Float32Array): void {
    const { vocabulary } = this.#process
    const tokens = this.state.tokens.slice()
    const clean = new Float64Array(vocabulary)
    for (const p of positions) {
      softmaxAt(logits, p * vocabulary, vocabulary, clean)
      tokens[p] = categorical(this.#what[p], clean)
    }
    this.state = { tokens, time: this.state.time }
  }
}

/** One step of every walk; those in which nothing is lifted ask nothing. */
async function advance(
  walks: readonly Walk[],
  stays: number,
  t: number,
  ask: (states: readonly TokenState[], t: number) => Promise<Float32Array[]>,
): Promise<void> {
  const moving: { readonly walk: Walk; readonly positions: Int32Array }[] = []
  for (const walk of walks) {
    const positions = walk.lifted(stays)
    if (positions.length > 0) moving.push({ walk, positions })
  }
  if (moving.length === 0) return
  const answers = await ask(
    moving.map(({ walk }) => walk.state),
    t,
  )
  moving.forEach(({ walk, positions }, i) => {
    walk.lift(positions, answers[i])
  })
}
