/** Many start noises on the same pictures: the selection itself, and tables of what every candidate reaches. */

import { odeChain } from 'espalier/chain'
import { featureDistance, psnr } from 'espalier/measure'
import { type StartSelection, selectStart } from 'espalier/search'
import type { Plan } from 'espalier/solve'
import { concatenate, type Key, row, stack, type Tensor } from 'espalier/tensor'
import type { Judge, Restorer } from '../support/restoration.ts'

/** `[picture][candidate]` */
export interface Scores {
  readonly feature: readonly Float64Array[]
  readonly psnr: readonly Float64Array[]
}

export interface Pictures {
  readonly clean: Tensor
  readonly degraded: Tensor
}

/**
 * Lets `candidates` start noises of a seed compete on some pictures by the distance of the judge's features.
 * Candidate i is the same noise in every call with this seed.
 */
export async function compete(
  { network, judge, plan }: { network: Restorer; judge: Judge; plan: Plan },
  pictures: Pictures,
  { candidates, seed }: { candidates: number; seed: number },
  onRows?: (nfe: number) => void,
): Promise<{ selection: StartSelection; keys: readonly Key[]; scores: Scores }> {
  const { denoiser } = network
  const count = pictures.clean.shape[0]
  const one = (batch: Tensor, i: number) => stack([row(batch, i)], denoiser.event)
  const truth = await judge.features(pictures.clean)
  const scores = {
    feature: Array.from({ length: count }, () => new Float64Array(candidates)),
    psnr: Array.from({ length: count }, () => new Float64Array(candidates)),
  }
  const indices = Array.from({ length: count }, (_, i) => i)
  let before = 0
  let keys: readonly Key[] = []
  const selection = await selectStart({
    chains: indices.map((i) => {
      const chain = odeChain({ denoiser, plan, condition: { degraded: one(pictures.degraded, i) }, range: [-1, 1] })
      return {
        ...chain,
        start(all) {
          keys = all
          return chain.start(all)
        },
      }
    }),
    rewards: indices.map((i) => ({
      name: 'minus feature distance',
      async evaluate(samples: readonly Tensor[]) {
        const images = stack(
          samples.map(({ data }) => data),
          denoiser.event,
        )
        const copies = (batch: Tensor): Tensor => concatenate(samples.map(() => batch))
        const features = await judge.features(images)
        const clean = copies({ shape: [1, truth.shape[1]], data: row(truth, i) })
        scores.feature[i].set(featureDistance(features, clean))
        scores.psnr[i].set(psnr(images, copies(one(pictures.clean, i)), 2))
        return scores.feature[i].map((distance) => -distance)
      },
    })),
    candidates,
    seed,
    // One picture at a time with all candidates, which is what the chains and rewards above rely on.
    width: candidates,
    onProgress: ({ nfe }) => {
      onRows?.(nfe - before)
      before = nfe
    },
  })
  return { selection, keys, scores }
}

/** Mean over pictures of every candidate. */
export function perCandidate(table: readonly Float64Array[]): Float64Array {
  return table[0].map((_, k) => table.reduce((sum, values) => sum + values[k], 0) / table.length)
}
