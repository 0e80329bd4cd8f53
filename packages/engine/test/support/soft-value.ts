/** Soft values of the world in closed form, by other formulas than the library's. */

import { vpLinear } from 'espalier/process'
import { config, world } from './runs.ts'

/** `log E[exp(lambda r)] / lambda` of the reward `near:2,0` where the data is a mixture like {@link world}. */
export function softValue(
  means: readonly (readonly number[])[],
  variance: readonly number[],
  weights: readonly number[],
) {
  const { lambda } = config
  const total = weights.reduce((a, b) => a + b, 0)
  const masses = means.map(([x, y], k) => {
    const wide = 1 + lambda * variance[k]
    return (weights[k] / total / wide) * Math.exp((-lambda * ((x - 2) ** 2 + y ** 2)) / (2 * wide))
  })
  return Math.log(masses.reduce((a, b) => a + b, 0)) / lambda
}

/** The mixture that the data is given the state at a time. */
export function posteriorOf([x, y]: ArrayLike<number> & Iterable<number>, time: number) {
  const process = vpLinear()
  const [a, s] = [process.a(time), process.s(time)]
  return world.means.map(([mx, my], k) => {
    const v = world.stds[k] ** 2
    const precision = 1 / v + (a / s) ** 2
    const around = a * a * v + s * s
    return {
      mean: [(mx / v + (a * x) / s ** 2) / precision, (my / v + (a * y) / s ** 2) / precision],
      variance: 1 / precision,
      weight: (world.weights[k] / around) * Math.exp(-((x - a * mx) ** 2 + (y - a * my) ** 2) / (2 * around)),
    }
  })
}

/** The soft value given the state at a time. */
export function softValueAt(state: ArrayLike<number> & Iterable<number>, time: number): number {
  const posterior = posteriorOf(state, time)
  return softValue(
    posterior.map(({ mean }) => mean),
    posterior.map(({ variance }) => variance),
    posterior.map(({ weight }) => weight),
  )
}
