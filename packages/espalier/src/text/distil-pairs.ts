import type { Condition } from '../process/denoiser.ts'
import { fold, key as keyOf, purpose } from '../tensor/random.ts'
import { Asker } from './ask.ts'
import { type AskAt, advance, CoupledWalk, oneStage, relaxed, shares } from './coupled-walk.ts'
import { countedTokens, softmaxAt, type TokenDenoiser } from './denoiser.ts'
import { ancestral, type KernelFamily, type TokenKernel } from './kernel.ts'
import type { TokenProcess } from './process.ts'
import { type ProfileKernel, type ProfileVariant, scaledKernel } from './profile-kernel.ts'
import { promptOf } from './sample-tokens.ts'
import { evenTimes, freePositions, startStates, type TokenState, type TokenTask } from './sampler.ts'

/**
 * `squared`: `|a - f b|^2`. `entropy`: the score entropy `f b - a log(f b)` (Lou et al. 2024), in which SEDD is trained and
 * which is the KL divergence of two jump processes with these rates.
 */
export type ScoreMetric = 'squared' | 'entropy'

/** What every fit of a profile is given. */
export interface PairOptions {
  readonly denoiser: TokenDenoiser
  /** Steps of the student. */
  readonly steps: number
  /** Time at which the student ends. At 0 a uniform process gets no last fill, and Euler leaves noise. Default 0. */
  readonly end?: number
  /** Steps of the teacher, a multiple of the student's. Default 64 times as many, 256 at most. */
  readonly teacherSteps?: number
  /** The steps of the teacher, of one call each. Default {@link ancestral}. */
  readonly teacher?: KernelFamily
  /** The steps of the student. Default `euler`. */
  readonly kernel?: ProfileKernel
  /** Default `lsd-score`. */
  readonly variant?: ProfileVariant
  /** Pairs of trajectories. Default 64. */
  readonly pairs?: number
  readonly seed: number
  /**
   * Whether teacher and student share their clocks ({@link CoupledWalk}). Without it the two sequences have nothing to
   * do with one another, and the factors shrink towards 0 whatever the model. Default true.
   */
  readonly coupled?: boolean
  /**
   * Share of positions, at most, at which the student of the fit starts from another token than the teacher (zeta; the
   * paper has 0.05). Default 0.
   */
  readonly relax?: number
  /** How far two scores are apart ({@link Ratio}). Default `squared`, which is the paper's. */
  readonly metric?: ScoreMetric
  readonly prompt?: ArrayLike<number>
  readonly length?: number
  readonly condition?: Condition
}

export interface Pair {
  readonly teacher: CoupledWalk
  readonly student: CoupledWalk
}

/** Pairs of coupled trajectories of a fit. */
export class Pairs {
  readonly task: TokenTask
  readonly steps: number
  readonly end: number
  readonly teacherSteps: number
  readonly teacher: TokenKernel
  readonly metric: ScoreMetric
  readonly #options: PairOptions
  readonly #meter = { nfe: 0 }
  readonly #asker: Asker
  readonly free: Int32Array
  readonly #starts: readonly TokenState[]

  /** @throws one line where the options do not fit */
  constructor(options: PairOptions) {
    const { steps, end = 0, pairs = 64, teacher = ancestral, relax = 0, metric = 'squared', seed } = options
    const teacherSteps = options.teacherSteps ?? steps * Math.max(1, Math.min(64, Math.floor(256 / steps)))
    evenTimes(steps, end)
    if (!(end >= 0 && end < 1)) throw new Error(`the end time is ${end}, expected a number in [0, 1)`)
    if (!(Number.isInteger(teacherSteps / steps) && teacherSteps >= steps)) {
      throw new Error(`a teacher of ${teacherSteps} steps, expected a multiple of the student's ${steps}`)
    }
    if (!(Number.isInteger(pairs) && pairs >= 1)) throw new Error(`${pairs} pairs, expected a whole number from 1 on`)
    if (metric === 'entropy' && options.variant === 'lsd-log') {
      throw new Error('the score entropy is of scores >= 0, lsd-log compares their logarithms; take the squared metric')
    }
    if (!(relax >= 0 && relax <= 1)) throw new Error(`relax is ${relax}, expected a share of positions in [0, 1]`)
    const denoiser = countedTokens(options.denoiser, this.#meter)
    const { process, timeFree } = denoiser
    const prompt = promptOf(denoiser, options)
    this.#options = options
    this.metric = metric
    this.task = { process, timeFree, prompt }
    this.steps = steps
    this.end = end
    this.teacherSteps = teacherSteps
    this.teacher = oneStage(teacher(process))
    this.#asker = new Asker(denoiser, options.condition)
    this.free = freePositions(this.task)
    const root = purpose(keyOf(seed), 'distil')
    this.#starts = startStates(
      this.task,
      Array.from({ length: pairs }, (_, i) => fold(root, i)),
    )
  }

  get process(): TokenProcess {
    return this.task.process
  }

  get length(): number {
    return this.task.prompt.length
  }

  /** Network evaluations so far. */
  get nfe(): number {
    return this.#meter.nfe
  }

  /** Pairs at their start; every time the same. */
  start(): Pair[] {
    const { coupled = true, relax = 0, seed } = this.#options
    const root = purpose(keyOf(seed), 'walks')
    const most = Math.round(relax * this.length)
    return this.#starts.map((state, i) => {
      const key = fold(root, i)
      const begin = relaxed(this.process, state, this.free, most, key)
      return {
        teacher: new CoupledWalk(this.process, state, this.free, purpose(key, 'walk')),
        student: new CoupledWalk(this.process, begin, this.free, purpose(key, coupled ? 'walk' : 'student')),
      }
    })
  }

  /** The student's steps with factors. */
  student(factor: (t: number) => number): TokenKernel {
    return scaledKernel({ ...this.#options, factor })(this.process)
  }

  /** The teacher's times within a step of the student: as many in each. */
  fine(t: number, s: number): number[] {
    const n = this.teacherSteps / this.steps
    return Array.from({ length: n + 1 }, (_, j) => (j === n ? s : t + ((s - t) * j) / n))
  }

  /** A step of students. */
  async walk(walks: readonly CoupledWalk[], kernel: TokenKernel, k: number, t: number, s: number): Promise<void> {
    const cells = shares(this.process, this.fine(t, s))
    await advance(walks, kernel, t, s, { interval: k, first: 0, shares: cells }, this.ask)
  }

  /** The teachers' steps within a step of the student. @param before called before each */
  async teach(
    walks: readonly CoupledWalk[],
    k: number,
    t: number,
    s: number,
    before?: (t: number, s: number) => Promise<void>,
  ): Promise<void> {
    const fine = this.fine(t, s)
    for (let j = 0; j + 1 < fine.length; j++) {
      await before?.(fine[j], fine[j + 1])
      await advance(walks, this.teacher, fine[j], fine[j + 1], { interval: k, first: j, shares: [1] }, this.ask)
    }
  }

  readonly ask: AskAt = (states, t) => this.#asker.ask(states, new Float64Array(states.length).fill(t), true)

  /** Zeros for what positions of a state have: `[length * (V + 1)]`. */
  vector(): Float64Array {
    return new Float64Array(this.length * (this.process.vocabulary + 1))
  }

  /** Adds what `fill` makes of every free position, times a weight, to such a vector. */
  adder(fill: (token: number, clean: Float64Array, out: Float64Array) => void) {
    const { vocabulary } = this.process
    const clean = new Float64Array(vocabulary)
    const out = new Float64Array(vocabulary + 1)
    return (state: TokenState, logits: Float32Array, into: Float64Array, weight = 1): void => {
      for (const p of this.free) {
        softmaxAt(logits, p * vocabulary, vocabulary, clean)
        fill(state.tokens[p], clean, out)
        for (let v = 0; v <= vocabulary; v++) into[p * (vocabulary + 1) + v] += weight * out[v]
      }
    }
  }
}

/**
 * The factor f of b that brings it closest to a, as both come in: `E<a, b> / E<b, b>` by squares, `E[sum a] / E[sum b]` by
 * score entropy.
 *
 * The first is a regression: of two trajectories that differ by chance alone its f is below 1 (b is seen with an error).
 * The second is 1 whenever both have the same law, coupled or not, but must not see negative numbers.
 */
export class Ratio {
  readonly #metric: ScoreMetric
  #wanted = 0
  #own = 0

  constructor(metric: ScoreMetric = 'squared') {
    this.#metric = metric
  }

  add(wanted: ArrayLike<number>, own: Float64Array): void {
    for (let i = 0; i < own.length; i++) {
      const weight = this.#metric === 'squared' ? own[i] : 1
      this.#wanted += weight * wanted[i]
      this.#own += weight * own[i]
    }
  }

  /** Undefined where there was nothing. */
  get value(): number | undefined {
    return this.#own > 0 ? this.#wanted / this.#own : undefined
  }
}
