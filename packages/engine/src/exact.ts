import { parseGaussianMixture, parseProcess, quadraticReward, tilt, vpLinear } from 'espalier/process'
import type { RunConfig, RunState } from './engine.ts'
import type { ModelSource } from './source.ts'

/**
 * The soft value `(1/lambda) log E[exp(lambda r(x_0)) | x_t]` in closed form, where model and reward allow one: a Gaussian
 * mixture pulled towards a point. It is that of the process itself, which a sampler of finitely many steps comes near.
 *
 * @param at a state and its time; without it, the value above the prior, `log Z / lambda`
 * @returns null where there is no closed form
 */
export async function exactValue(
  { model, reward, lambda }: RunConfig,
  source: ModelSource,
  at?: { readonly state: RunState; readonly time: number },
): Promise<number | null> {
  const card = await source.card(model)
  if (card.type !== 'gaussian-mixture' || !reward.startsWith('near:') || !(lambda > 0)) return null
  const { process, ...world } = card as { readonly process?: unknown }
  const point = reward.slice('near:'.length).split(',').map(Number)
  const tilted = tilt(parseGaussianMixture(world), quadraticReward(point, 1), lambda)
  if (!at) return tilted.logZ / lambda
  return tilted.value(process === undefined ? vpLinear() : parseProcess(process), at.state.data, at.time)
}
