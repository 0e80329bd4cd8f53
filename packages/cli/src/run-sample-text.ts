/** `espalier sample` of a model of text: tokens are shown as they are fixed. */

import { type Interval, mean95 } from 'espalier/measure'
import { nodeRuntime, writeFileAtomic } from 'espalier/node'
import { writeSafetensors } from 'espalier/tensor'
import {
  type AutoregressiveModel,
  judged,
  maskOf,
  sampleTokens,
  spellTokens,
  type TokenProgress,
  unigramEntropy,
} from 'espalier/text'
import { asUserError, UserError } from './errors.ts'
import { interruptible } from './interrupt.ts'
import { progressLine } from './progress.ts'
import { formatDuration, formatInterval, formatNumber } from './report/index.ts'
import { RunFolder } from './run-folder.ts'
import { shellLine } from './shell-line.ts'
import { contentOf, type Text } from './text-files.ts'
import { openJudge, openTextModel, type TextModel } from './text-model.ts'
import { defaultSampler, openTextTask, type TextSettings } from './text-sampler.ts'
import { textStream, unknown } from './text-stream.ts'

export interface SampleTextSettings extends TextSettings {
  readonly model: string
  /** Default 4. */
  readonly count?: number
  readonly seed: number
  readonly batch: number
  /** An autoregressive model that says how likely the texts are. */
  readonly judge?: string
  /** File for the texts (`.json`, `.txt`) or the tokens (`.npy`). */
  readonly outSamples?: string
}

export interface SampleTextRun {
  readonly settings: SampleTextSettings
  readonly out?: string
  readonly json: boolean
  /** With `json`: a line for each step too. */
  readonly stream: boolean
}

const endings = ['json', 'txt', 'npy'] as const

export async function runSampleText({ settings: given, out, json, stream }: SampleTextRun): Promise<void> {
  const { outSamples, seed, batch, count = 4 } = given
  if (outSamples !== undefined && !endings.some((ending) => outSamples.endsWith(`.${ending}`))) {
    throw new UserError(`--out-samples ${outSamples}: texts go to .json or .txt, their tokens to .npy`)
  }
  if (stream && !json) throw new UserError('--stream prints JSON lines; give --json too')
  const runtime = nodeRuntime()
  const progress = progressLine()
  const live = textStream()
  try {
    const model = await openTextModel(runtime, given.model)
    const settings = { ...given, count, sampler: given.sampler ?? defaultSampler(model.card) }
    const task = await openTextTask(runtime, model, settings)
    const judge = given.judge === undefined ? undefined : await openJudge(runtime, given.judge, model)
    const line = shellLine('sample', { ...settings })
    const folder = RunFolder.create({ command: 'sample', out, line, configuration: { ...settings }, seeds: [seed] })
    const interrupt = interruptible((text) => progress.say(text))
    try {
      await folder.during(async () => {
        const began = performance.now()
        const { process: tokenProcess } = model.denoiser
        let nfe = 0
        const done: Int32Array[] = []
        let stopped = false
        for (let first = 0; first < count && !stopped; first += batch) {
          const rows = Math.min(batch, count - first)
          let before: readonly Int32Array[] = new Array(rows).fill(task.prompt)
          const onStep = (state: TokenProgress) => {
            const label = `step ${state.step} of ${state.steps}`
            if (json && stream) {
              const changed = changesOf(model, before, state.tokens, first)
              process.stdout.write(
                `${JSON.stringify({ ...state, nfe: nfe + state.nfe, tokens: undefined, changed })}\n`,
              )
            } else if (!json && live.live) {
              live.show(() => ({
                head: `${label}, ${formatNumber(nfe + state.nfe)} NFE`,
                texts: state.tokens.map((tokens) => spellTokens(model.tokenizer, tokens, unknown)),
              }))
            } else progress.show(() => `sample ${first + 1} to ${first + rows} of ${count}, ${label}`)
            before = state.tokens
          }
          const part = await sampleTokens({
            ...{ denoiser: task.denoiser, sampler: task.sampler, prompt: task.prompt, seed, first, count: rows },
            ...{ signal: interrupt.signal, onStep },
          }).catch((error) => {
            // What a network computes is its owner's to mend: the message names step, time and row.
            throw new UserError(`--model ${settings.model}: ${(error as Error).message}`)
          })
          nfe += part.nfe
          stopped = part.stopped === 'signal'
          // Of what was stopped half-way only whole texts count; of a uniform process none is known to be whole.
          const { kind } = tokenProcess
          const whole = (tokens: Int32Array) => (kind === 'masked' ? !tokens.includes(maskOf(tokenProcess)) : !stopped)
          done.push(...part.tokens.filter(whole))
          folder.event('batch', { rows: done.length, nfe })
        }
        live.clear()
        progress.clear()
        const seconds = (performance.now() - began) / 1000
        const texts = done.map((tokens): Text => ({ text: model.tokenizer.decode(tokens), tokens: Array.from(tokens) }))
        const quality = done.length === 0 ? undefined : await qualityOf(done, judge)
        const files = done.length === 0 ? [] : writeTexts(folder, texts, model)
        if (outSamples !== undefined && done.length > 0) {
          await asUserError(`--out-samples ${outSamples}`, () =>
            writeFileAtomic(outSamples, contentOf(outSamples, texts)),
          )
        }
        const result = {
          folder: folder.path,
          status: stopped ? ('stopped' as const) : ('done' as const),
          model: { name: model.name, sha256: model.sha256 },
          sampler: settings.sampler,
          samples: done.length,
          tokens: done.length * task.free,
          nfe,
          energyEvaluations: task.meter.evaluations,
          seconds,
          tokensPerSecond: (done.length * task.free) / seconds,
          ...quality,
          files,
        }
        if (json) process.stdout.write(`${JSON.stringify({ ...result, texts })}\n`)
        else process.stdout.write(told(result, texts, settings.judge))
        return result
      })
    } finally {
      interrupt.release()
    }
  } finally {
    live.clear()
    progress.clear()
    await runtime.close()
  }
}

/** What a step fixed (or took back): `token` null where it is unknown again. */
function changesOf(
  { tokenizer, denoiser }: TextModel,
  before: readonly Int32Array[],
  now: readonly Int32Array[],
  first: number,
) {
  const mask = maskOf(denoiser.process)
  return now.flatMap((tokens, i) =>
    Array.from(tokens.keys())
      .filter((p) => before[i][p] !== tokens[p])
      .map((p) => {
        const token = tokens[p] === mask ? null : tokens[p]
        return { sample: first + i, position: p, token, text: token === null ? null : tokenizer.decode([token]) }
      }),
  )
}

interface Quality {
  /** Of the shares of a text's tokens, in nats. */
  readonly entropy: Interval
  /** `exp` of the mean of `-log p` a token, in the judge's eyes. */
  readonly perplexity?: Interval
}

async function qualityOf(done: readonly Int32Array[], judge?: AutoregressiveModel): Promise<Quality> {
  const entropy = mean95(done.map(unigramEntropy))
  if (!judge) return { entropy }
  const losses: number[] = []
  for (let from = 0; from < done.length; from += 64) losses.push(...(await judged(judge, done.slice(from, from + 64))))
  const { mean, low, high, n } = mean95(losses)
  return { entropy, perplexity: { mean: Math.exp(mean), low: Math.exp(low), high: Math.exp(high), n } }
}

/** @returns the files written */
function writeTexts(folder: RunFolder, texts: readonly Text[], model: TextModel): string[] {
  const shape = [texts.length, texts[0].tokens.length]
  const tokens = { shape, data: Int32Array.from(texts.flatMap(({ tokens }) => tokens)) }
  folder.write('samples.json', contentOf('samples.json', texts))
  folder.write('samples.txt', contentOf('samples.txt', texts))
  folder.write('samples.safetensors', writeSafetensors({ tokens }, { model: model.name }))
  return ['samples.json', 'samples.txt', 'samples.safetensors']
}

interface Told extends Partial<Quality> {
  readonly folder: string
  readonly sampler: string
  readonly samples: number
  readonly tokens: number
  readonly nfe: number
  readonly energyEvaluations: number
  readonly seconds: number
  readonly tokensPerSecond: number
  readonly files: readonly string[]
}

function told(result: Told, texts: readonly Text[], judge?: string): string {
  const { samples, tokens, nfe, seconds, tokensPerSecond, energyEvaluations, entropy, perplexity, folder } = result
  const energies = energyEvaluations > 0 ? ` and ${formatNumber(energyEvaluations)} energies` : ''
  return [
    ...texts.map(({ text }, i) => `#${i + 1}\n${text.replace(/\n$/, '')}\n`),
    `${samples} texts by ${result.sampler}: ${formatNumber(tokens)} tokens, ${formatNumber(nfe)} NFE${energies} in ` +
      `${formatDuration(seconds)}, ${formatNumber(tokensPerSecond)} tokens/s`,
    ...(perplexity ? [`perplexity under ${judge}: ${formatInterval(perplexity)}`] : []),
    ...(entropy ? [`unigram entropy: ${formatInterval(entropy)} nats a text`] : []),
    ...result.files.map((file) => `  ${folder}/${file}`),
    '',
  ].join('\n')
}
