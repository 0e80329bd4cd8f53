import type { CleanGradientFunction } from '../guide/clean-gradient.ts'
import { rowCostAt } from '../process/denoiser.ts'
import { isStochastic, type Plan, stepsOf } from '../solve/plan.ts'
import { purpose } from '../tensor/random.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type ArrayChainOptions, arrayChain } from './array-chain.ts'
import type { GaussianChain, GuidedChain } from './chain.ts'
import { hasGaussianSteps, propose } from './propose.ts'
import { type Block, type Branching, blocksOf, branchPoints } from './schedule.ts'

/**
 * A stochastic one-step plan, such as `ddpm()` or `ddim({ eta: 1 })`; `branchAt` is by default five blocks of even
 * length.
 */
export interface PixelChainOptions extends ArrayChainOptions {
  /**
   * Gradient of a reward of the predicted clean sample, such as `cleanGradient(denoiser, reward)`: makes the chain a
   * {@link GuidedChain}. It is given states and conditions as the denoiser is; on residuals it wants the name of the
   * `mean` too.
   */
  readonly gradient?: CleanGradientFunction
  /** Largest norm of a row's gradient. Default: as it is. */
  readonly clip?: number
}

/** Arrays under a stochastic solver, whose law of a step is known at levels that are one solver step. */
export type PixelChain = GaussianChain<Float32Array, Tensor>

/**
 * Arrays of one shape (pixels, latents, fields, points) under a stochastic solver: the chain of a diffusion model.
 *
 * A level is a block of the plan's steps between two branch points. Step i of the plan draws its noise from the row's
 * key and i alone, so a rollout in blocks equals one run of the plan. A state is the array, and behind it the number of
 * its condition where there are several. What a look-ahead predicts at a state is remembered with it, and is not asked
 * again by its steps.
 *
 * @throws if the plan draws no noise at all (take `odeChain`) or none in the block after a branch point (as every
 *   sampler's last step: it belongs to a longer block), does not end in clean data, or keeps more than the state at a
 *   branch point (multistep solvers); with a `gradient`, if a step is not Gaussian about a mean that one prediction
 *   decides
 */
export function pixelChain(
  options: PixelChainOptions & { readonly gradient: CleanGradientFunction },
): PixelChain & GuidedChain<Float32Array, Tensor>
export function pixelChain(options: PixelChainOptions): PixelChain
export function pixelChain(options: PixelChainOptions): PixelChain {
  const { plan, gradient, clip } = options
  const steps = stepsOf(plan)
  const drawsNoise = ({ from, to }: Block) => {
    for (let step = from; step < to; step++) if (isStochastic(plan, step)) return true
    return false
  }
  if (!drawsNoise({ from: 0, to: steps })) {
    throw new Error(
      `${plan.name} draws no noise on its way, so a state has one continuation and a search nothing to branch at; take a ` +
        'stochastic solver such as ddpm, or an odeChain, whose start noises can be searched over',
    )
  }
  const { branchAt = 'even' } = options
  const blocks = blocksOf(steps, typeof branchAt === 'string' ? noisyPoints(branchAt, steps, drawsNoise) : branchAt)
  for (const block of blocks.slice(1)) if (!drawsNoise(block)) throw new Error(equalBranches(plan, block))
  const arrays = arrayChain(options, blocks)
  const { chain, denoiser, size } = arrays
  const stagesOf = blocks.map(({ from, to }) => plan.stages.filter(({ step }) => step >= from && step < to))
  const silent = { ...plan, stages: plan.stages.map((stage) => ({ ...stage, noise: 0 })) }

  const result: PixelChain = {
    ...chain,
    kernel: 'stochastic',
    stochastic: (level) => drawsNoise(blocks[level]),
    async moments(states, level) {
      const [stage, ...more] = stagesOf[level]
      if (more.length > 0 || stage.noise === 0) {
        throw new Error(
          `level ${level} is not one solver step with noise, so its law is not a Gaussian that is known; cut it out with branchAt`,
        )
      }
      return { means: await arrays.run(silent, states, level), std: stage.noise }
    },
    logProbability: (next, means, std) =>
      Float64Array.from(next, (state, i) => {
        let square = 0
        for (let j = 0; j < size; j++) square += ((state[j] - means[i][j]) / std) ** 2
        return -square / 2 - size * Math.log(std * Math.sqrt(2 * Math.PI))
      }),
  }
  if (!gradient) return result

  if (!hasGaussianSteps(plan)) {
    throw new Error(
      `${plan.name} has steps that are not one prediction and one noise, so they cannot be moved along a gradient; take ddpm, ` +
        'ddim with eta above 0, or euler-ancestral',
    )
  }
  if (clip !== undefined && !(clip > 0)) throw new Error(`clip is ${clip}, expected a norm above 0`)
  const moved = (level: number) => stagesOf[level].filter(({ noise }) => noise !== 0)
  const guided: PixelChain & GuidedChain<Float32Array, Tensor> = {
    ...result,
    async propose(states, level, keys, strength) {
      const { from, to } = blocks[level]
      const { reached, logRatio } = await propose(plan, denoiser, arrays.batch(states), {
        ...{ gradient, clip, strength, from, to },
        keys: keys.map((key) => purpose(key, 'step')),
        condition: arrays.conditionOf(states),
        fullCondition: arrays.fullCondition(states),
        known: arrays.known(states, level),
      })
      return { states: arrays.statesOf(reached, states), logRatio }
    },
    gradientCost: (level) =>
      gradient.backward === false
        ? 0
        : moved(level).reduce((sum, { time }) => sum + rowCostAt(denoiser, time as number), 0),
    rewardCost: (level) => moved(level).length,
  }
  return guided
}

/** A named schedule without the points after which nothing random happens. */
function noisyPoints(branching: Branching, steps: number, drawsNoise: (block: Block) => boolean): number[] {
  const points = branchPoints(branching, steps)
  return points.filter((b, i) => i === 0 || drawsNoise({ from: steps - b, to: steps - (points[i + 1] ?? 0) }))
}

function equalBranches(plan: Plan, { from, to }: Block): string {
  const remaining = stepsOf(plan) - from
  return (
    `${plan.name} draws no noise between ${remaining} and ${stepsOf(plan) - to} steps left, so all branches there would be ` +
    `equal; leave ${remaining} out of branchAt, or take a stochastic solver such as ddpm`
  )
}
