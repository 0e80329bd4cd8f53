import type { Model } from '@espalier/graph'
import { readModel, writeModel } from '@espalier/graph'
import { nodeRuntime } from 'espalier/node'
import type { RuntimeTensor } from 'espalier/runtime'
import { fold, type Key, key, purpose, stream } from 'espalier/tensor'
import {
  judged,
  likelihoodBound,
  loadTokenDenoiser,
  networkAutoregressive,
  networkTokenDenoiser,
  noiseTokens,
  parseTokenCard,
  parseTokenSchedule,
  type TokenDenoiser,
  uniformProcess,
} from 'espalier/text'
import {
  bakeParameters,
  crossEntropy,
  nceBatch,
  nceLoss,
  type Task,
  tokenCrossEntropy,
  warmupCosine,
} from 'espalier/train'
import { oneHot } from '../images.ts'
import { loadZooText } from '../models.ts'
import type { Network } from '../networks.ts'
import type { Recipe, RecipeSettings } from '../recipe.ts'
import { type Corpus, kjvCorpus, type TokenStream, tokenCorpus, wordsCorpus } from '../text/corpus.ts'
import {
  autoregressiveNetwork,
  energyNetwork,
  maskedNetwork,
  sequenceClassifier,
  type TransformerSize,
  uniformNetwork,
} from '../text/networks.ts'

/** What a token model is trained on: rows of tokens, all of one length. */
interface Windows {
  readonly length: number
  readonly rows: number
  readonly tokens: Int32Array
  readonly labels: Int32Array
}

/**
 * Windows of the corpus that begin anywhere, so that no sequence is padded. Three steps of four take the whole context;
 * the others shorter rows, and more of them: the model meets every length from 8 on. Where passages are independent, a
 * window goes on with any other.
 */
function windows(from: TokenStream, context: number, { seed, batch }: RecipeSettings): (step: number) => Windows {
  const root = purpose(key(seed), 'windows')
  return (step) => {
    const draws = stream(fold(root, step))
    const length = draws.uniform() < 0.75 ? context : 8 + draws.integer(context - 7)
    const rows = Math.floor((batch * context) / length)
    const tokens = new Int32Array(rows * length)
    const labels = new Int32Array(rows)
    for (let row = 0; row < rows; row++) {
      const at = draws.integer(from.tokens.length - length + 1)
      const window = tokens.subarray(row * length, (row + 1) * length)
      window.set(from.tokens.subarray(at, at + length))
      labels[row] = from.labels[passageAt(from, at + (length >> 1))]
      if (!from.independent) continue
      for (let p = from.bounds[passageAt(from, at) + 1] - at; p < length; ) {
        const other = draws.integer(from.labels.length)
        const passage = from.tokens.subarray(from.bounds[other], from.bounds[other + 1]).subarray(0, length - p)
        window.set(passage, p)
        p += passage.length
      }
    }
    return { length, rows, tokens, labels }
  }
}

function passageAt({ bounds }: TokenStream, at: number): number {
  let [low, high] = [0, bounds.length - 1]
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (bounds[middle] <= at) low = middle
    else high = middle
  }
  return low
}

const whole = (tokens: Int32Array, shape: readonly number[]): RuntimeTensor => ({
  type: 'int64',
  shape,
  data: BigInt64Array.from(tokens, BigInt),
})

interface TextOptions {
  readonly name: string
  readonly title: string
  readonly corpus: Corpus
  readonly size: Omit<TransformerSize, 'vocabulary'>
  readonly defaults: RecipeSettings
  readonly rate: number
  readonly decay?: number
}

/** What the recipes of token models share. */
function textRecipe(
  options: TextOptions,
  own: {
    readonly build: (seed: number, size: TransformerSize) => Network
    readonly loss: Task['loss']
    readonly feed: (rows: Windows, key: Key) => ReturnType<Task['batch']>
    /** Weights to start from. */
    readonly start?: () => ReadonlyMap<string, Float32Array>
    readonly card: Readonly<Record<string, unknown>>
    readonly evaluate: (model: Model, card: unknown, options?: { signal?: AbortSignal }) => Promise<object>
  },
): Recipe {
  const { name, title, corpus, defaults, rate, decay = 0.05 } = options
  const size = { ...options.size, vocabulary: corpus.vocabulary }
  const card = () => ({
    ...own.card,
    name,
    vocabulary: size.vocabulary,
    context: size.context,
    tokenizer: { file: 'tokenizer.json' },
  })
  return {
    name,
    title,
    data: corpus.source,
    details: { size: options.size },
    defaults,
    files: () => ({ 'tokenizer.json': `${JSON.stringify(tokenCorpus(corpus).tokenizerJson)}\n` }),
    task(settings) {
      const next = windows(tokenCorpus(corpus).train, size.context, settings)
      const root = purpose(key(settings.seed), 'noise')
      const network = own.build(settings.seed, size)
      const start = [...(own.start?.() ?? [])].filter(([name]) => network.parameters.includes(name))
      return {
        ...network,
        model: bakeParameters(network.model, new Map(start)),
        loss: own.loss,
        batch: (step) => own.feed(next(step), fold(root, step)),
      }
    },
    optimizer: ({ steps }) => ({ rate: warmupCosine(rate, steps, 200), decay, clip: 1, beta2: 0.98 }),
    ema: 0.999,
    card,
    evaluate: (model, settings) => own.evaluate(model, card(), settings),
  }
}

/**
 * `(L / n) sum over masks of -log mu`, with n uniform on 1 to L and stratified over the batch (Zheng et al. 2024): the
 * bound of masked diffusion, divided by the length.
 */
function masked(options: TextOptions): Recipe {
  const mask = options.corpus.vocabulary
  return textRecipe(options, {
    build: (seed, size) => maskedNetwork(seed, size, options.name),
    loss: tokenCrossEntropy('logits'),
    feed({ length, rows, tokens }, own) {
      const draws = stream(own)
      const noised = tokens.slice()
      const weight = new Float32Array(rows * length)
      const order = Array.from({ length }, (_, p) => p)
      const shift = draws.uniform()
      for (let row = 0; row < rows; row++) {
        const masks = 1 + Math.min(length - 1, Math.floor((length * (row + shift)) / rows))
        for (let m = 0; m < masks; m++) {
          const other = m + draws.integer(length - m)
          const p = order[other]
          order[other] = order[m]
          order[m] = p
          noised[row * length + p] = mask
          weight[row * length + p] = 1 / (masks * rows)
        }
      }
      return {
        tokens: whole(noised, [rows, length]),
        target: whole(tokens, [rows, length]),
        weight: { shape: [rows, length], data: weight },
      }
    },
    card: { type: 'masked', process: { type: 'masked', schedule: { type: 'log-linear' } } },
    evaluate: async (model, card) => {
      const parsed = parseTokenCard(card)
      if (parsed.type !== 'masked') throw new Error('not the card of a masked model')
      return inSession(model, async (session) => {
        const { test } = tokenCorpus(options.corpus)
        const sequences = cut(test, options.size.context)
        const bounds = await likelihoodBound(networkTokenDenoiser(session, parsed), sequences, { seed: 1 })
        return perplexity(mean(bounds) / options.size.context, test)
      })
    },
  })
}

/** Cross-entropy of the token that comes next. */
function autoregressive(options: TextOptions): Recipe {
  const start = options.corpus.vocabulary
  return textRecipe(options, {
    build: (seed, size) => autoregressiveNetwork(seed, size, options.name),
    loss: tokenCrossEntropy('logits'),
    feed({ length, rows, tokens }) {
      const before = new Int32Array(rows * length).fill(start)
      for (let row = 0; row < rows; row++) {
        before.set(tokens.subarray(row * length, (row + 1) * length - 1), row * length + 1)
      }
      return {
        tokens: whole(before, [rows, length]),
        target: whole(tokens, [rows, length]),
        weight: { shape: [rows, length], data: new Float32Array(rows * length).fill(1 / (rows * length)) },
      }
    },
    card: { type: 'autoregressive', start },
    evaluate: async (model, card) => {
      const parsed = parseTokenCard(card)
      if (parsed.type !== 'autoregressive') throw new Error('not the card of an autoregressive model')
      return inSession(model, async (session) => {
        const { test } = tokenCorpus(options.corpus)
        const judge = networkAutoregressive(session, parsed)
        const losses: number[] = []
        for (const sequences of chunks(cut(test, options.size.context), 64)) {
          losses.push(...(await judged(judge, sequences)))
        }
        return perplexity(mean(losses), test)
      })
    },
  })
}

/** Cross-entropy of the clean tokens at all places, given noised ones and the time: its best answer is the posterior. */
function uniformRate(options: TextOptions): Recipe {
  const schedule = { type: 'geometric' as const, smin: 1e-3, smax: 20 }
  const process = uniformProcess(options.corpus.vocabulary, parseTokenSchedule(schedule))
  return textRecipe(options, {
    build: (seed, size) => uniformNetwork(seed, size, options.name),
    loss: tokenCrossEntropy('logits'),
    feed({ length, rows, tokens }, own) {
      const shift = stream(purpose(own, 'time')).uniform()
      const t = Float32Array.from({ length: rows }, (_, row) => (row + shift) / rows)
      const noised = new Int32Array(rows * length)
      for (let row = 0; row < rows; row++) {
        const clean = tokens.subarray(row * length, (row + 1) * length)
        noised.set(noiseTokens(process, clean, t[row], fold(own, row)), row * length)
      }
      return {
        tokens: whole(noised, [rows, length]),
        t: { shape: [rows], data: t },
        target: whole(tokens, [rows, length]),
        weight: { shape: [rows, length], data: new Float32Array(rows * length).fill(1 / (rows * length)) },
      }
    },
    card: { type: 'masked', process: { type: 'uniform', schedule }, inputs: { tokens: 'tokens', time: 't' } },
    evaluate: async (model, card) => {
      const parsed = parseTokenCard(card)
      if (parsed.type !== 'masked') throw new Error('not the card of a token diffusion')
      return inSession(model, async (session) => {
        const denoiser = networkTokenDenoiser(session, parsed)
        const { test } = tokenCorpus(options.corpus)
        const bounds = await likelihoodBound(denoiser, cut(test, options.size.context), { seed: 1, draws: 32 })
        return perplexity(mean(bounds) / options.size.context, test)
      })
    },
  })
}

/** Cross-entropy of the class of the passage that a window is from. */
function sectionClassifier(options: TextOptions): Recipe {
  const { classes } = options.corpus
  const { length: count } = classes
  return textRecipe(options, {
    build: (seed, size) => sequenceClassifier(seed, size, count, options.name),
    loss: crossEntropy('logits'),
    feed: ({ length, rows, tokens, labels }) => ({
      tokens: whole(tokens, [rows, length]),
      target: { shape: [rows, count], data: oneHot(labels, count) },
    }),
    card: { type: 'token-classifier', classes },
    evaluate: (model) =>
      inSession(model, async (session) => {
        const { test } = tokenCorpus(options.corpus)
        const { context } = options.size
        let right = 0
        let n = 0
        for (let at = 0; at + context <= test.tokens.length; at += context) {
          const row = test.tokens.subarray(at, at + context)
          const { logits } = await session.run({ tokens: whole(row, [1, context]) }, ['logits'])
          const scores = Array.from(logits.data as Float32Array)
          const label = test.labels[passageAt(test, at + (context >> 1))]
          if (scores.indexOf(Math.max(...scores)) === label) right++
          n++
        }
        return { testAccuracy: right / n, testPassages: n }
      }),
  })
}

/**
 * The energy of drafts of a masked model of the zoo, by noise contrast: which of two sequences is the data's and which a
 * draft (EDLM-NCE, Xu et al. 2024). It starts from that model's weights.
 */
function energy(options: TextOptions & { readonly of: string }): Recipe {
  const inputs = { tokens: 'tokens', state: 'state' }
  let opened: Promise<TokenDenoiser> | undefined
  // The session lasts as long as the process, which trains one model.
  const drafter = () => {
    const { model, card } = loadZooText(options.of)
    opened ??= loadTokenDenoiser(nodeRuntime({ workers: 0 }), model, card, { threads: 1 })
    return opened
  }
  return textRecipe(options, {
    build: (seed, size) => energyNetwork(seed, size, options.name),
    loss: nceLoss('energy'),
    start: () =>
      new Map(
        [...readModel(loadZooText(options.of).model).graph.initializers].flatMap(([name, { data }]) =>
          data instanceof Float32Array ? [[name, data] as const] : [],
        ),
      ),
    async feed({ length, rows, tokens }, own) {
      const clean = Array.from({ length: rows }, (_, row) => tokens.slice(row * length, (row + 1) * length))
      return nceBatch(await drafter(), inputs, clean, own)
    },
    card: { type: 'energy', inputs },
    evaluate: (model) =>
      inSession(model, async (session) => {
        const denoiser = await drafter()
        const rows = cut(tokenCorpus(options.corpus).test, options.size.context)
        let [loss, right, n] = [0, 0, 0]
        let batch = 0
        for (const clean of chunks(rows, 32)) {
          const { side, ...feeds } = await nceBatch(denoiser, inputs, clean, fold(key(1), batch++))
          const energies = (await session.run(feeds, ['energy'])).energy.data as Float32Array
          energies.forEach((e, i) => {
            const signed = Number(side.data[i]) * e
            loss += Math.log1p(Math.exp(-Math.abs(signed))) + Math.max(0, signed)
            if (signed < 0) right++
            n++
          })
        }
        return { nceLoss: loss / n, nceAccuracy: right / n, testSequences: n }
      }),
  })
}

async function inSession<T>(
  model: Model,
  body: (session: Awaited<ReturnType<ReturnType<typeof nodeRuntime>['load']>>) => Promise<T>,
): Promise<T> {
  const runtime = nodeRuntime({ workers: 0 })
  try {
    return await body(await runtime.load(writeModel(model)))
  } finally {
    await runtime.close()
  }
}

/** The whole text in sequences of one length; the rest is left out. */
const cut = ({ tokens }: TokenStream, length: number): Int32Array[] =>
  Array.from({ length: Math.floor(tokens.length / length) }, (_, i) => tokens.slice(i * length, (i + 1) * length))

function* chunks<T>(all: readonly T[], size: number): Generator<readonly T[]> {
  for (let i = 0; i < all.length; i += size) yield all.slice(i, i + size)
}

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length

/** On the test part: nats and perplexity a token, bits a character. */
const perplexity = (nats: number, { tokens, characters }: TokenStream) => ({
  nats,
  perplexity: Math.exp(nats),
  bitsPerCharacter: (nats * tokens.length) / characters / Math.LN2,
})

export const kjv: Recipe = masked({
  name: 'kjv',
  title: 'masked diffusion of the King James Bible',
  corpus: kjvCorpus,
  size: { width: 128, blocks: 5, heads: 4, context: 64 },
  defaults: { seed: 21, steps: 10_000, batch: 32 },
  rate: 2e-3,
})

export const kjvAutoregressive: Recipe = autoregressive({
  name: 'kjv-autoregressive',
  title: 'autoregressive model of the King James Bible: the energy of EDLM',
  corpus: kjvCorpus,
  // Its tokens start small beside their places, which a network that reads from the left does not mind.
  size: { width: 128, blocks: 4, heads: 4, context: 64, start: { token: 0.02, place: 1 } },
  defaults: { seed: 22, steps: 7000, batch: 32 },
  rate: 2e-3,
  decay: 0.1,
})

export const kjvJudge: Recipe = autoregressive({
  name: 'kjv-judge',
  title: 'autoregressive model of the King James Bible of another build, for evaluation alone',
  corpus: kjvCorpus,
  size: { width: 192, blocks: 3, heads: 3, context: 64 },
  defaults: { seed: 23, steps: 5000, batch: 32 },
  rate: 1.5e-3,
  decay: 0.1,
})

export const kjvSection: Recipe = sectionClassifier({
  name: 'kjv-section',
  title: 'which section of the Bible a passage is from: a reward',
  corpus: kjvCorpus,
  size: { width: 64, blocks: 2, heads: 4, context: 64 },
  defaults: { seed: 24, steps: 2000, batch: 32 },
  rate: 2e-3,
  decay: 0.2,
})

export const kjvNce: Recipe = energy({
  name: 'kjv-nce',
  title: 'energy of drafts of the King James Bible, by noise contrast (EDLM-NCE)',
  of: 'kjv',
  corpus: kjvCorpus,
  size: { width: 128, blocks: 3, heads: 4, context: 64 },
  defaults: { seed: 28, steps: 3000, batch: 16 },
  rate: 5e-4,
})

export const words: Recipe = masked({
  name: 'words',
  title: 'masked diffusion of English words, by characters',
  corpus: wordsCorpus,
  size: { width: 128, blocks: 4, heads: 4, context: 32 },
  defaults: { seed: 25, steps: 8000, batch: 64 },
  rate: 2e-3,
})

export const wordsUniform: Recipe = uniformRate({
  name: 'words-uniform',
  title: 'uniform-rate diffusion of English words, by characters',
  corpus: wordsCorpus,
  size: { width: 128, blocks: 4, heads: 4, context: 32 },
  defaults: { seed: 26, steps: 9000, batch: 64 },
  rate: 2e-3,
})

export const wordsAutoregressive: Recipe = autoregressive({
  name: 'words-autoregressive',
  title: 'autoregressive model of English words, by characters: their judge',
  corpus: wordsCorpus,
  size: { width: 128, blocks: 3, heads: 4, context: 32 },
  defaults: { seed: 27, steps: 4000, batch: 64 },
  rate: 2e-3,
  decay: 0.1,
})
