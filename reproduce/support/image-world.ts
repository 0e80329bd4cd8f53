/** Digits and clothes to be steered: a network of the zoo, its chains, its rewards, and a judge that no search sees. */

import { loadZoo } from '@espalier/zoo'
import { type Chain, forestBranches, odeChain, pixelChain } from 'espalier/chain'
import { cleanGradient } from 'espalier/guide'
import { jpegCodec, nodeRuntime } from 'espalier/node'
import { asDifferentiable, type Condition, type Denoiser, uniformGrid } from 'espalier/process'
import { batchedReward, classReward, compressibility, isDifferentiable, type Reward } from 'espalier/reward'
import {
  batched,
  type ClassifierCard,
  loadDenoiser,
  type NetworkCard,
  type Runtime,
  type Session,
} from 'espalier/runtime'
import type { SearchMethod } from 'espalier/search'
import { ddim } from 'espalier/solve'
import { fold, key, logSumExp, normal, purpose, type Tensor } from 'espalier/tensor'
import { stacked } from './digits.ts'

/** Rows of one network call: what the zoo's networks like best on few cores. */
const rows = 64

export interface ImageWorld {
  readonly name: string
  readonly runtime: Runtime
  readonly event: readonly number[]
  /** The chain that suits a method, in so many steps. @param reward whose gradient guided methods follow */
  chain(
    method: Pick<SearchMethod, 'chain' | 'blocks'>,
    steps: number,
    reward: Reward<Tensor>,
  ): Chain<Float32Array, Tensor>
  /** Minus the bytes as JPEG. */
  readonly jpeg: Reward<Tensor>
  /** By the classifier that searches may see. */
  likeness(label: string, transform: 'log-odds' | 'log-softmax'): Reward<Tensor>
  judge(samples: readonly Tensor[]): Promise<Opinion>
  close(): Promise<void>
}

/** What the judge makes of samples. */
export interface Opinion {
  /** `log p / (1 - p)` of a class, one a sample. */
  logOdds(label: string): number[]
  /** `log max_k p_k`: how sure the judge is that this is something at all. */
  readonly confidence: readonly number[]
  readonly features: readonly Float32Array[]
}

const models = {
  digits: { network: 'mnist-flow', classifier: 'mnist-classifier', judge: 'mnist-judge' },
  clothes: { network: 'fashion', classifier: undefined, judge: 'fashion-judge' },
} as const

export type ImageWorldName = keyof typeof models

/** Digits of any class; clothes, of which each start draws its class. */
export async function imageWorld(name: ImageWorldName): Promise<ImageWorld> {
  const used = models[name]
  const { model, card } = loadZoo(used.network) as { model: Uint8Array; card: NetworkCard }
  const judgeCard = loadZoo(used.judge).card as ClassifierCard
  const runtime = nodeRuntime()
  const network = await loadDenoiser(runtime, model, card, { gradient: true })
  const judge = await runtime.load(loadZoo(used.judge).model)
  const known = used.classifier && (loadZoo(used.classifier) as { model: Uint8Array; card: ClassifierCard })
  const classifier = known && { session: await runtime.load(known.model), card: known.card }
  const denoiser: Denoiser = batched(network, { maxBatch: rows })
  const condition = everyClass(card)
  const range = card.valueRange
  return {
    name,
    runtime,
    event: denoiser.event,
    chain({ chain, blocks }, steps, reward) {
      const common = { denoiser, condition, range }
      const grid = uniformGrid(denoiser.process, steps)
      if (chain === 'deterministic') {
        return odeChain({ ...common, plan: ddim()(denoiser.process, grid), branchAt: cuts(blocks, steps, 1) })
      }
      // The last step draws no noise, so the last block has two.
      const stochastic = {
        ...common,
        plan: ddim({ eta: 1 })(denoiser.process, grid),
        branchAt: cuts(blocks, steps, 2),
      }
      if (chain !== 'guided') return pixelChain(stochastic)
      if (!isDifferentiable(reward)) throw new Error(`${reward.name} has no gradient to follow`)
      return pixelChain({ ...stochastic, gradient: cleanGradient(asDifferentiable(denoiser), reward, { range }) })
    },
    jpeg: compressibility({ valueRange: range, codec: jpegCodec() }),
    likeness(label, transform) {
      if (!classifier) throw new Error(`${name} have no classifier that searches may see`)
      return batchedReward(classReward(classifier.session, classifier.card, label, transform), { maxBatch: rows })
    },
    judge: (samples) => opinionOf(judge, judgeCard.classes, samples),
    async close() {
      await network.release()
      await judge.release()
      await classifier?.session.release()
      await runtime.close()
    },
  }
}

/** One row a class, of which every start draws one; none where the network knows no classes. */
function everyClass({ classes = [], conditions = {} }: NetworkCard): Condition | undefined {
  const [input] = Object.keys(conditions)
  if (input === undefined) return undefined
  const n = classes.length
  return {
    [input]: { shape: [n, n], data: Float32Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0)) },
  }
}

/** Where a chain is cut for a method, as the command `steer` does it. */
function cuts(blocks: SearchMethod['blocks'], steps: number, last: number): readonly number[] | undefined {
  if (blocks === 'one') return [steps]
  if (blocks === 'even') return undefined
  const points = blocks === 'fine' ? forestBranches(steps) : Array.from({ length: steps }, (_, i) => steps - i)
  return points.filter((left) => left === steps || left >= last)
}

async function opinionOf(judge: Session, classes: readonly string[], samples: readonly Tensor[]): Promise<Opinion> {
  const { logits, features } = await judge.run({ x: stacked(samples) }, ['logits', 'features'])
  const rowsOf = ({ data, shape }: { readonly data: ArrayLike<number>; readonly shape: readonly number[] }) =>
    samples.map((_, i) => (data as Float32Array).slice(i * shape[1], (i + 1) * shape[1]))
  const logP = rowsOf(logits as Tensor).map((own) => {
    const total = logSumExp(own)
    return Float64Array.from(own, (v) => v - total)
  })
  return {
    logOdds(label) {
      const k = classes.indexOf(label)
      return logP.map((own) => own[k] - logSumExp(own.filter((_, j) => j !== k)))
    },
    confidence: logP.map((own) => Math.max(...own)),
    features: rowsOf(features as Tensor),
  }
}

/**
 * A reward that is wrong by Gaussian noise of a picture's own: the same picture is always wrong by the same amount, and the next
 * one, however alike, by another.
 */
export function misread(reward: Reward<Tensor>, std: number): Reward<Tensor> {
  const root = purpose(key(0), 'misread')
  const draw = new Float64Array(1)
  return {
    name: `${reward.name} +- ${std}`,
    async evaluate(samples) {
      const values = await reward.evaluate(samples)
      return samples.map(({ data }, i) => {
        normal(fold(root, fingerprint(data)), draw)
        return values[i] + std * draw[0]
      })
    },
  }
}

/** FNV-1a of the picture's grey levels, so that the last bits of the network's arithmetic do not matter. */
function fingerprint(data: Float32Array): number {
  let hash = 0x811c9dc5
  for (const value of data) hash = Math.imul(hash ^ Math.round(127.5 * (value + 1)), 0x01000193)
  return hash >>> 0
}

/** A picture as bytes in base64, and back; values in [-1, 1]. */
export const toBytes = ({ data }: Tensor): string =>
  Buffer.from(Uint8Array.from(data, (v) => Math.round(127.5 * (Math.min(1, Math.max(-1, v)) + 1)))).toString('base64')

export function fromBytes(text: string, shape: readonly number[]): Tensor {
  return { shape, data: Float32Array.from(Buffer.from(text, 'base64'), (byte) => byte / 127.5 - 1) }
}
