import { drawSamples, type Metric, mean, type Subject } from 'espalier/measure'
import { attempt, type Base, planOf, type Setting, scaleCandidates, shiftCandidates } from './variants.ts'

/** Noises that no result is measured on. */
const seeds = [0, 1, 2, 3, 4].map((i) => 1_000_000 + i)
export const searchSeeds = seeds.length
/** Fewer images than features would make the covariances singular, and the choice one of noise. */
export const searchSamples = 30
export const searchSteps = 10

/** The remedies that have something to choose. The constant shift takes what the raw rule has found. */
export const searched = ['raw', 'calibrated', 'released', 'scaled'] as const
type Searched = (typeof searched)[number]
export const candidatesOf = (remedy: Searched) => (remedy === 'scaled' ? scaleCandidates : shiftCandidates)

/** The setting of a remedy with the least value of a metric. */
export async function search(
  remedy: Searched,
  base: Base,
  subject: Subject,
  { metric, dataVariance }: { readonly metric: Metric; readonly dataVariance: number },
): Promise<Setting> {
  const plan = planOf(base, subject.denoiser.process, searchSteps)
  const tried: { readonly setting: Setting; readonly value: number }[] = []
  for (const setting of candidatesOf(remedy)) {
    const method = attempt(remedy, setting, plan, base, dataVariance)
    const drawn = await drawSamples({ ...method, subject }, plan, seeds, searchSamples)
    tried.push({ setting, value: mean(await metric.values(drawn)) })
  }
  return tried.reduce((best, one) => (one.value < best.value ? one : best)).setting
}
