import { gridFrom, parseGaussianMixture, quadraticReward, type Tilted, tilt } from 'espalier/process'
import type { ModelCard } from 'espalier/runtime'
import { isTextCard } from './cards.ts'
import type { RunConfig } from './engine.ts'
import { processOf } from './field-walk.ts'
import { readPoint } from './image-reward-kinds.ts'
import type { Origin } from './origin.ts'
import { type RewardText, readReward } from './reward-grammar.ts'
import type { ModelSource } from './source.ts'

/**
 * The soft value `(1/lambda) log E[exp(lambda r(x_0)) | x_t]` in closed form, where model and reward allow one: a Gaussian
 * mixture pulled towards a point. It is that of the process itself, which a sampler of finitely many steps comes near.
 *
 * @param at a state and its time; without it, the value where the run begins: above the prior (`log Z / lambda`), or at
 *   its origin
 * @returns null where there is no closed form
 */
export async function exactValue(
  { model, reward, lambda, grid, steps }: RunConfig,
  source: ModelSource,
  { at, origin }: { readonly at?: { readonly state: Float32Array; readonly time: number }; readonly origin?: Origin },
): Promise<number | null> {
  // A run from a file may be of a model that is not here.
  const card = await source.card(model).catch(() => undefined)
  if (!card || isTextCard(card) || card.type !== 'gaussian-mixture' || !(lambda > 0)) return null
  const near = nearOf(readReward(reward))
  if (!near) return null
  const { process: _, ...world } = card
  const process = processOf(card as ModelCard)
  // `exp(lambda w r)`: the tilt of a weighted reward is that of another lambda.
  const tilted: Tilted = tilt(parseGaussianMixture(world), quadraticReward(near.point, 1), lambda * near.weight)
  const value = (state: Float32Array, time: number) => near.weight * tilted.value(process, state, time)
  if (at) return value(at.state, at.time)
  if (origin) return value(origin.state, gridFrom(grid)(process, steps)[steps - origin.left])
  return tilted.logZ / lambda
}

/** The point that a reward pulls to, and its weight; undefined where it is another reward. */
function nearOf(read: RewardText): { readonly point: number[]; readonly weight: number } | undefined {
  if (read.type === 'named') return read.name === 'near' ? { point: readPoint(read.argument), weight: 1 } : undefined
  if (read.type !== 'sum' || read.terms.length !== 1) return undefined
  const [{ weight, of }] = read.terms
  const near = weight > 0 ? nearOf(of) : undefined
  return near && { ...near, weight: weight * near.weight }
}
