/** How a model of text is sampled: prompt, sampler, temperature, from options that several commands share. */

import { readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import type { Runtime } from 'espalier/runtime'
import {
  countedEnergy,
  defaultTokenSampler,
  float32Gumbels,
  maskOf,
  parsePrompt,
  parseSamplerProfile,
  promptOf,
  type SamplerProfile,
  shaped,
  type TokenCard,
  type TokenDenoiser,
  type TokenSolver,
  tokenSamplerCatalogue,
  tokenSamplerFrom,
} from 'espalier/text'
import { asUserError, UserError } from './errors.ts'
import { call, integer, number, oneOf } from './options.ts'
import { openEnergy, type TextModel } from './text-model.ts'

export interface TextSettings {
  /** Text with holes, `[mask]` or `[mask:3]`. */
  readonly prompt?: string
  /** Tokens of a whole sequence. Default: those of a prompt with holes, else the longest that the model takes. */
  readonly length?: number
  /** A name of the catalogue of token samplers, with options. */
  readonly sampler?: string
  readonly temperature?: number
  readonly topP?: number
  /** `float32`: Gumbels as samplers in float32 draw them. */
  readonly noise?: 'exact' | 'float32'
}

const noises = ['exact', 'float32'] as const

/** The options of {@link TextSettings}. */
export function withTextOptions(command: Command): Command {
  return command
    .option('--prompt <text>', 'text: what is given; [mask] or [mask:3] stand for one or three unknown tokens')
    .option(
      '--length <n>',
      "text: tokens of a sequence, the prompt's included (default: the model's context)",
      integer(1),
    )
    .option('--sampler <sampler>', 'text: a sampler of the list below', call(tokenSamplerFrom))
    .option('--temperature <x>', 'text: below 1 likely tokens become likelier (default: 1)', temperature)
    .option('--top-p <x>', 'text: draw from the likeliest tokens of this share alone (default: 1)', number(1e-6, 1))
}

/** Gumbel noise is for plain sampling alone. */
export function withNoiseOption(command: Command): Command {
  return command.option(
    '--noise <kind>',
    'text: exact draws, or float32: the fault of Gumbel samplers, to see it (default: exact)',
    oneOf(noises),
  )
}

function temperature(text: string): number {
  const value = number(0, 1e6)(text)
  if (value > 0) return value
  throw new InvalidArgumentError('A number above 0 is needed.')
}

/** What `--sampler` takes, for the end of a help text. */
export function textSamplerHelp(): string {
  const lines = tokenSamplerCatalogue.map(({ name, about, options }) => {
    const line = `  ${name.padEnd(17)} ${about}`
    const takes = `[${options.join(', ')}]`
    return `${line}${line.length + takes.length < 118 ? ' ' : `\n${' '.repeat(20)}`}${takes}`
  })
  return [
    'Samplers of text, as name or name(option=value, ...), such as "first-hitting(calls=16)":',
    ...lines,
    `  ${'profile:file.json'.padEnd(17)} few steps that were learned (LSD, Fu 2025)`,
  ].join('\n')
}

/** What only models of text take. */
export const textOptions = ['prompt', 'length', 'sampler', 'temperature', 'topP', 'noise', 'judge', 'stream'] as const

/** Told in one line where an option is of the other kind of model. @throws UserError */
export function refuseOptions(command: Command, names: readonly string[], why: string): void {
  const odd = names.find((name) => command.getOptionValueSource(name) === 'cli')
  if (odd === undefined) return
  const flag = command.options.find((option) => option.attributeName() === odd)?.long
  throw new UserError(`${flag} ${why}`)
}

/** A sampler with what it samples, ready to run. */
export interface TextTask {
  readonly denoiser: TokenDenoiser
  readonly sampler: TokenSolver
  /** The whole sequence to begin with. */
  readonly prompt: Int32Array
  /** Unknown tokens of it. */
  readonly free: number
  /** Drafts that an energy has scored. */
  readonly meter: { evaluations: number }
}

/**
 * Reads the prompt and makes the sampler; both are tried on the model.
 * @throws UserError for what the user can put right
 */
export async function openTextTask(
  runtime: Runtime,
  model: TextModel,
  { prompt: text, length, sampler, temperature, topP, noise }: TextSettings & { readonly sampler: string },
): Promise<TextTask> {
  const denoiser = shaped(model.denoiser, { temperature, nucleus: topP })
  const { process, timeFree } = denoiser
  const mask = maskOf(process)
  const given = await asUserError('--prompt', () => parsePrompt(text ?? '', model.tokenizer))
  const whole = length ?? (given.includes(mask) ? given.length : denoiser.context)
  const what = length === undefined ? '--prompt' : `--length ${length}`
  const prompt = await asUserError(what, () => promptOf(denoiser, { prompt: given, length: whole }))
  const free = prompt.filter((token) => token === mask).length
  if (free === 0) throw new UserError(`--prompt fills all ${whole} tokens; raise --length, or leave a [mask] in it`)
  const meter = { evaluations: 0 }
  const named = tokenSamplerFrom(sampler)
  const energy = named.energy && countedEnergy(await openEnergy(runtime, named.energy, model), meter)
  const profile = named.profile === undefined ? undefined : await readProfile(named.profile)
  const gumbels = noise === 'float32' ? float32Gumbels : undefined
  const made = await asUserError(`--sampler ${sampler}${gumbels ? ' --noise float32' : ''}`, () => {
    const solver = named.make({ energy, profile, gumbels })
    solver({ process, timeFree, prompt })
    return solver
  })
  return { denoiser, sampler: made, prompt, free, meter }
}

function readProfile(file: string): Promise<SamplerProfile> {
  return asUserError(`--sampler profile:${file}`, () =>
    parseSamplerProfile(JSON.parse(readFileSync(file, 'utf8')), file),
  )
}

/** The sampler where none is named; `few` for searches, which pay for every call. */
export function defaultSampler(card: TokenCard, few = false): string {
  return defaultTokenSampler(card.type === 'masked' ? card.process.type : 'masked', few)
}
