/** What stands beside a reward of text: whether the samples are still different, and varied in themselves. */

import { distinctShare } from '../text/distinct.ts'
import type { TokenSample } from '../text/masked-chain.ts'
import { unigramEntropy } from '../text/quality.ts'
import { drawnSamples, type SearchMetric } from './search-comparison.ts'
import { mean } from './statistics.ts'

/**
 * Distinct-n of the tokens of all samples of a search together, drawn by its weights: copies of one sample lower it.
 *
 * @param count samples drawn of each result. Default 64; values of different counts do not compare
 */
export function distinctMetric(n = 2, count = 64): SearchMetric<TokenSample> {
  return {
    name: `distinct-${n}`,
    values: (results) =>
      results.map((result) =>
        distinctShare(
          drawnSamples(result, count).map(({ tokens }) => tokens),
          n,
        ),
      ),
  }
}

/** Mean {@link unigramEntropy} of samples drawn by a search's weights, in nats: text that repeats itself lowers it. */
export function tokenEntropyMetric(count = 64): SearchMetric<TokenSample> {
  return {
    name: 'token entropy',
    values: (results) =>
      results.map((result) => mean(drawnSamples(result, count).map(({ tokens }) => unigramEntropy(tokens)))),
  }
}
