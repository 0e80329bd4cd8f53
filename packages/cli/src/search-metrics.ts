/** What searches are compared by: of images and fields, and of text. */

import { existsSync } from 'node:fs'
import {
  bestRewardMetric,
  heldOutMetric,
  meanRewardMetric,
  rmsDistance,
  type SearchMetric,
  topSamples,
} from 'espalier/measure'
import type { Runtime } from 'espalier/runtime'
import type { SearchResult } from 'espalier/search'
import { stack, type Tensor } from 'espalier/tensor'
import { distinctShare, judged, type TokenSample, unigramEntropy } from 'espalier/text'
import { openReward } from './rewards.ts'
import { type Steering, type SteerSettings, setUpSteering } from './steering.ts'
import { openJudge } from './text-model.ts'
import { textRewardFrom } from './text-rewards.ts'
import { setUpTextSteering, type TextSteerSettings } from './text-steering.ts'
import { zooModels } from './zoo.ts'

/** A model to be searched, and what is measured of the searches. */
export interface ComparisonSubject {
  readonly steering: Steering
  readonly metrics: readonly SearchMetric<unknown>[]
  /** Names of metrics of which more is not simply better. */
  readonly unranked: ReadonlySet<string>
}

/** @param judge of images a reward that the searches do not see; of text that, or an autoregressive model */
export function openSubject(
  runtime: Runtime,
  settings: SteerSettings | TextSteerSettings,
  judge?: string,
): Promise<ComparisonSubject> {
  return 'sampler' in settings ? textSubject(runtime, settings, judge) : fieldSubject(runtime, settings, judge)
}

async function fieldSubject(runtime: Runtime, settings: SteerSettings, judge?: string): Promise<ComparisonSubject> {
  const steering = await setUpSteering(runtime, settings)
  const { model } = steering
  const held = judge === undefined ? undefined : await openReward(judge, { runtime, model }, '--judge')
  const metrics: SearchMetric<Tensor>[] = [bestRewardMetric, meanRewardMetric, spreadMetric]
  if (held) metrics.push(heldOutMetric(`${judge} of the best`, held))
  return { steering, metrics, unranked: new Set([spreadMetric.name]) }
}

async function textSubject(runtime: Runtime, settings: TextSteerSettings, judge?: string): Promise<ComparisonSubject> {
  const steering = await setUpTextSteering(runtime, settings)
  const { model } = steering
  const own: SearchMetric<TokenSample>[] = [entropyMetric, distinctMetric]
  const metrics: SearchMetric<TokenSample>[] = [bestRewardMetric, meanRewardMetric, ...own]
  if (judge !== undefined && (existsSync(judge) || zooModels().some(({ name }) => name === judge))) {
    const likelihood = await openJudge(runtime, judge, model)
    const loss: SearchMetric<TokenSample> = {
      name: `nats a token under ${judge}, of the 16 best`,
      values: (results) => eachOf(results, async (best) => mean(await judged(likelihood, best))),
    }
    metrics.push(loss)
    own.push(loss)
  } else if (judge !== undefined) {
    const { name, tokenizer } = model
    const held = await textRewardFrom(judge, { runtime, tokenizer, model: name }, '--judge')
    metrics.push(heldOutMetric(`${judge} of the best`, held))
  }
  return { steering, metrics, unranked: new Set(own.map(({ name }) => name)) }
}

/** How far apart the best samples are: searches that look near what they have find many alike. */
const spreadMetric: SearchMetric<Tensor> = {
  name: 'spread of the 16 best',
  values: (results) =>
    results.map((result) => {
      const best = topSamples(result, 16)
      let sum = 0
      let pairs = 0
      best.forEach((sample, i) => {
        const others = best.slice(i + 1)
        if (others.length === 0) return
        const all = stack(
          others.map(({ data }) => data),
          sample.shape,
        )
        const again = stack(
          others.map(() => sample.data),
          sample.shape,
        )
        for (const distance of rmsDistance(all, again)) sum += distance
        pairs += others.length
      })
      return pairs === 0 ? 0 : sum / pairs
    }),
}

const entropyMetric: SearchMetric<TokenSample> = {
  name: 'unigram entropy of the 16 best',
  values: (results) => eachOf(results, async (best) => mean(best.map(unigramEntropy))),
}

const distinctMetric: SearchMetric<TokenSample> = {
  name: 'distinct-2 of the 16 best',
  values: (results) => eachOf(results, async (best) => distinctShare(best, 2)),
}

/** One number of the best texts of each seed. */
function eachOf(
  results: readonly SearchResult<TokenSample>[],
  measure: (best: readonly Int32Array[]) => Promise<number>,
): Promise<number[]> {
  return Promise.all(results.map((result) => measure(topSamples(result, 16).map(({ tokens }) => tokens))))
}

function mean(values: ArrayLike<number>): number {
  return Array.from(values).reduce((a, b) => a + b, 0) / values.length
}
