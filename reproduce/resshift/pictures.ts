/** What is restored, and how far the restorations of one picture lie apart. */

import type { Tensor } from 'espalier/tensor'

/** What the networks were trained to undo. */
export const degradations = { '4x super-resolution': { type: 'down-up', factor: 4, noise: 0.03 } } as const
export const setting = Object.keys(degradations)[0]
/** Restorations of each picture, from which their spread is known. */
export const draws = 2

/** Root mean square over pixels and pictures of the standard deviation of the restorations of one picture. */
export const spread = 'ensemble std'
export const posteriorSpread = 'error of the regression'

/** From pairs of rows: half of the mean squared difference is the variance, without bias. */
export function spreadOf({ shape, data }: Tensor): number {
  const size = data.length / shape[0]
  let sum = 0
  for (let row = 0; row < shape[0]; row += draws)
    for (let i = row * size; i < (row + 1) * size; i++) sum += (data[i] - data[i + size]) ** 2 / 2
  return Math.sqrt(sum / (data.length / draws))
}
