/** How much the small model differs from the large one, on real states of each noise level. */

import { mean } from 'espalier/measure'
import type { Condition } from 'espalier/process'
import { key, normal, purpose, row, type Tensor } from 'espalier/tensor'
import type { Results } from '../support/results.ts'
import type { Pair } from './stitched.ts'

export const times = [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
/** `|eps_small - eps_large| / |eps_large|`, as a mean over states. */
export const difference = 'relative difference of the predicted noise'
export const settingAt = (name: string, t: number) => `${name}, t = ${t}`

/** @param clean real data, with their conditions, for each seed by its number in the list */
export async function differences(
  name: string,
  { small, large }: Pair,
  clean: (index: number) => { readonly images: Tensor; readonly condition?: Condition },
  results: Results,
): Promise<void> {
  const { process } = large
  for (const t of times) {
    const values: number[] = []
    for (const [index, seed] of results.seeds.entries()) {
      const { images, condition } = clean(index)
      const n = images.shape[0]
      const eps = new Float32Array(images.data.length)
      normal(purpose(key(seed), 'noising'), eps)
      const x: Tensor = {
        shape: images.shape,
        data: images.data.map((v, i) => process.a(t) * v + process.s(t) * eps[i]),
      }
      const [p, q] = [
        await small.predict(x, new Float64Array(n).fill(t), 'noise', condition),
        await large.predict(x, new Float64Array(n).fill(t), 'noise', condition),
      ]
      const ratios = Array.from({ length: n }, (_, i) => {
        const [a, b] = [row(p, i), row(q, i)]
        return Math.hypot(...a.map((v, k) => v - b[k])) / Math.hypot(...b)
      })
      values.push(mean(ratios))
    }
    results.add({ method: 'small against large', setting: settingAt(name, t), metric: difference, nfe: 2, values })
  }
}
