import type { Denoiser } from '../process/denoiser.ts'
import { bend, guidedRows } from './bend.ts'
import type { GuidanceInterval } from './interval.ts'
import type { NoisyClassifier } from './noisy-classifier.ts'

export interface ClassifierGuidedOptions {
  /** The class that is wanted, by name; of several, any. */
  readonly label: string | readonly string[]
  /** `w`: 0 is no guidance, 1 the conditional law where denoiser and classifier are exact, above 1 exaggerates. */
  readonly scale: number
  /** Guides at these noise levels only; a row outside asks no classifier. Default: everywhere. */
  readonly interval?: GuidanceInterval
}

/**
 * Classifier guidance (Dhariwal and Nichol 2021, algorithm 2): `eps' = eps - w s grad_x log p(c | x_t, t)`, with a
 * classifier of noisy states. For every solver, and on denoisers without a gradient of their own; minority guidance
 * (Um, Lee, Ye 2024) is this with classes of rarity.
 *
 * A row costs the NFE of the denoiser; the classifier's passes count as no NFE.
 *
 * @throws Error where the classifier is of another process or shape, or knows no such class
 */
export function classifierGuided(
  denoiser: Denoiser,
  classifier: NoisyClassifier,
  options: ClassifierGuidedOptions,
): Denoiser {
  const { scale, interval } = options
  const { process, event, rowCost } = denoiser
  if (!Number.isFinite(scale)) throw new Error(`The guidance scale is ${scale}; give a finite number.`)
  if (classifier.process.name !== process.name) {
    const pair = `${classifier.process.name}, the denoiser has ${process.name}`
    throw new Error(`The classifier was trained on ${pair}: view the denoiser on the classifier's process.`)
  }
  if (`${classifier.event}` !== `${event}`) {
    throw new Error(`The classifier takes [${classifier.event}]; the denoiser makes [${event}].`)
  }
  const labels = [options.label].flat().map((name) => {
    const index = classifier.classes.indexOf(name)
    if (index >= 0) return index
    throw new Error(`The classifier knows no class "${name}"; its classes are ${classifier.classes.join(', ')}.`)
  })
  if (labels.length === 0) throw new Error('Classifier guidance needs a class, got none.')
  const guided = guidedRows(process, interval)
  return {
    process,
    event,
    rowCost,
    async predict(x, t, target, condition, into) {
      const part = guided(x, t, condition)
      const [prediction, slopes] = await Promise.all([
        denoiser.predict(x, t, target, condition, into),
        part && classifier.differentiate(part.x, part.t, labels),
      ])
      if (part && slopes) bend(process, target, prediction, part, slopes.gradient, scale)
      return prediction
    },
  }
}
