import { concreteScore } from './concrete-score.ts'
import { type Pair, type PairOptions, Pairs, Ratio } from './distil-pairs.ts'
import { type DistilTimesOptions, distilTimes } from './distil-times.ts'
import { reverseRates } from './kernel.ts'
import { maskOf } from './process.ts'
import { factorAt, type ParsedProfile, profiledSampler } from './profile.ts'
import type { ProfileVariant } from './profile-kernel.ts'
import { evenTimes } from './sampler.ts'

export interface DistilOptions extends PairOptions, Pick<DistilTimesOptions, 'term' | 'rounds'> {
  /**
   * The student's times: given, such as those of `jumpYourSteps`, or `learned` by {@link distilTimes}, which with the
   * factors is LSD+. Default even.
   */
  readonly times?: readonly number[] | 'learned'
  /** Bounds of the factors. Default [0.5, 2]. */
  readonly clip?: readonly [number, number]
}

/** A profile that says how it was made. */
export interface DistilledProfile extends ParsedProfile {
  readonly nfe: number
  readonly trainedOn: NonNullable<ParsedProfile['trainedOn']>
}

/**
 * LSD (Fu et al. 2025, arXiv 2509.19962): the factor of each student step that brings its score, at the student's own
 * states, closest to the teacher's score at the same time, `factor_k = E<s*, s> / E<s, s>` (least squares in closed
 * form; of log-scores for `lsd-log`), one step after the other with the factors before it. The first is 1, as both begin
 * alike (unless relaxed).
 *
 * What it does (ours, by enumeration of laws with exact models: test/text/lsd.test.ts, lsd-times.test.ts). On a masked
 * process with a linear schedule next to nothing, since Euler is exact in time there; with a bent schedule factors win
 * back what Euler loses to analytic steps, hardly more. On uniform processes with even times they do harm beyond two
 * steps: a student that lags behind holds more noise, so its scores are larger than the teacher's, so its factors fall,
 * so it lags more. They fall further yet where streams are not coupled, on every process ({@link Ratio}); the score
 * entropy (`metric`) is free of that, but not of the lag. What lowers the distance more than any fit is a power a little
 * above 1 (`lsd-log`, 1.2), against the entropy that positions drawn side by side have too much: so a gain counts at
 * matched entropy alone.
 *
 * @throws one line where the options do not fit
 */
export async function distilSampler(options: DistilOptions): Promise<DistilledProfile> {
  const { variant = 'lsd-score', kernel = 'euler', clip = [0.5, 2], coupled = true, relax = 0, seed } = options
  if (!(clip[0] >= 0 && clip[1] >= clip[0])) throw new Error(`factors in [${clip}], expected 0 <= low <= high`)
  const pairs = new Pairs(options)
  const { process } = pairs
  const learned = options.times === 'learned' ? await distilTimes(options) : undefined
  const times = learned?.times ?? checkedTimes(options.times as readonly number[] | undefined, pairs)
  const factors: number[] = []
  const student = pairs.student(factorAt(times, factors))
  const walks = pairs.start()
  for (let k = 0; k < pairs.steps; k++) {
    const [t, s] = [times[k], times[k + 1]]
    factors.push(Math.min(clip[1], Math.max(clip[0], await bestFactor(pairs, walks, t, variant))))
    await pairs.walk(
      walks.map((pair) => pair.student),
      student,
      k,
      t,
      s,
    )
    await pairs.teach(
      walks.map((pair) => pair.teacher),
      k,
      t,
      s,
    )
  }
  const sampler = profiledSampler({ times, factors, variant, kernel })(pairs.task)
  return {
    times,
    factors,
    variant,
    kernel,
    nfe: Array.from({ length: sampler.steps }, (_, step) => sampler.cost(step)).reduce((a, b) => a + b),
    trainedOn: {
      process: `${process.kind} ${process.schedule.name}`,
      vocabulary: process.vocabulary,
      length: pairs.length,
      teacher: pairs.teacher.name,
      teacherSteps: pairs.teacherSteps,
      pairs: walks.length,
      coupled,
      relax,
      metric: pairs.metric,
      seed,
      nfe: pairs.nfe + (learned?.nfe ?? 0),
    },
  }
}

function checkedTimes(times: readonly number[] | undefined, { steps, end }: Pairs): readonly number[] {
  if (!times) return evenTimes(steps, end)
  if (times.length !== steps + 1 || times[0] !== 1) {
    throw new Error(`times [${times.join(', ')}] of a student of ${steps} steps, expected ${steps + 1} from 1 on`)
  }
  return times
}

/** The factor of the score at a time. Where all is noise scores say nothing, and it is 1. */
async function bestFactor(pairs: Pairs, walks: readonly Pair[], t: number, variant: ProfileVariant): Promise<number> {
  const { process } = pairs
  if (process.schedule.noised(t) === 1 && (variant === 'lsd-log' || process.kind === 'uniform')) return 1
  const add = pairs.adder((token, clean, out) => {
    // Both at one time, so the direction of the rates will do for the score.
    if (variant === 'lsd-score') return void reverseRates(process, token, clean, t, out)
    concreteScore(process, token, clean, t, out)
    const known = process.kind === 'masked' && token !== maskOf(process)
    for (let v = 0; v < out.length; v++) out[v] = !known && out[v] > 0 ? Math.log(out[v]) : 0
  })
  const scores = async (who: keyof Pair) => {
    const states = walks.map((pair) => pair[who].state)
    const answers = await pairs.ask(states, t)
    return (i: number) => {
      const vector = pairs.vector()
      add(states[i], answers[i], vector)
      return vector
    }
  }
  const [wanted, own] = [await scores('teacher'), await scores('student')]
  const ratio = new Ratio(pairs.metric)
  for (let i = 0; i < walks.length; i++) ratio.add(wanted(i), own(i))
  return ratio.value ?? 1
}
