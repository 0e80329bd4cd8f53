/** `--reward`: names, modules, addresses, and what is made of them. */

import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { jpegCodec } from 'espalier/node'
import {
  clip,
  constraint,
  differentiableClassReward,
  distanceTo,
  featureSimilarity,
  functionReward,
  httpReward,
  imageRewards,
  incompressibility,
  minimum,
  type Reward,
  type RewardFunction,
  scaled,
  threshold,
  weightedSum,
} from 'espalier/reward'
import type { ClassifierCard, Runtime } from 'espalier/runtime'
import { fromCatalogue, readNpy, sizeOf, type Tensor } from 'espalier/tensor'
import { asUserError, messageOf, UserError } from './errors.ts'
import { type DiffusionModel, readModelFiles } from './model.ts'
import { combinations, type RewardText, readReward } from './reward-grammar.ts'
import { type ZooEntry, zooModels } from './zoo.ts'

export interface RewardContext {
  readonly runtime: Runtime
  readonly model: DiffusionModel
  /** `--classifier`: a zoo name or a folder; default the zoo's classifier of the model's shape. */
  readonly classifier?: string
}

interface RewardKind {
  /** What stands before the colon or the parenthesis. */
  readonly name: string
  /** How it is written, for help and errors. */
  readonly form: string
  readonly about: string
  /** Reads what stands behind the name; the rest is done when the model is there. @throws Error */
  read(argument: string): (context: RewardContext) => Reward<Tensor> | Promise<Reward<Tensor>>
}

/** Every reward that has a name. */
export const rewardKinds: readonly RewardKind[] = [
  {
    name: 'class',
    form: 'class:<label>',
    about: 'log-probability that a classifier gives to a class',
    read: (label) => (context) => openClassReward(label, context, 'log-softmax'),
  },
  {
    name: 'odds',
    form: 'odds:<label>',
    about: 'log-odds log p / (1 - p) of the probability that a classifier gives to a class',
    read: (label) => (context) => openClassReward(label, context, 'log-odds'),
  },
  {
    name: 'prob',
    form: 'prob:<label>',
    about: 'probability that a classifier gives to a class',
    read: (label) => (context) => openClassReward(label, context, 'softmax'),
  },
  {
    name: 'like',
    form: 'like:<image.npy>',
    about: "cosine similarity with an image, in a classifier's features",
    read: (file) => (context) => openLikeness(file, context),
  },
  {
    name: 'near',
    form: 'near:<x,y,...>',
    about: 'minus half the squared distance to a point; near(x,y,...) within another reward',
    read: (argument) => {
      const point = argument.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)))
      return ({ model }) => {
        const size = sizeOf(model.event)
        if (point.some((x) => !Number.isFinite(x)) || point.length !== size) {
          throw new Error(`near needs ${size} numbers with commas between them, got "${argument}"`)
        }
        return distanceTo(point)
      }
    },
  },
  {
    name: 'jpeg',
    form: 'jpeg',
    about: 'bytes of the image as JPEG',
    read: (argument) => {
      if (argument) throw new Error(`jpeg takes nothing behind it, got "${argument}"`)
      return ({ model }) => incompressibility({ valueRange: rangeOf('jpeg', model), codec: jpegCodec() })
    },
  },
  ...imageRewards.map(
    (entry): RewardKind => ({
      name: entry.name,
      form: entry.options.length > 0 ? `${entry.name}(...)` : entry.name,
      about: entry.options.length > 0 ? `${entry.about}; options ${entry.options.join(', ')}` : entry.about,
      read: (argument) => {
        const make = fromCatalogue(imageRewards, 'reward', `${entry.name}(${argument})`)
        make({}) // options that contradict each other are told before a model is opened
        return ({ model }) => make({ valueRange: rangeOf(entry.name, model) })
      },
    }),
  ),
]

/** Milliseconds that a call of a module may take, unless it says otherwise. */
const moduleTimeout = 60_000

/** What `--help` says of rewards. */
export function rewardHelp(): string {
  const others = [
    { form: './my-reward.mjs', about: 'a module that exports reward(samples): one number per sample { shape, data };' },
    { form: '', about: `it may export a timeout in milliseconds (else ${moduleTimeout}) and a name` },
    {
      form: 'https://...',
      about: 'a server: POST {"shape": [n, ...], "data": base64 of float32} gives {"rewards": [n numbers]}',
    },
  ]
  const lines = (list: readonly { readonly form: string; readonly about: string }[]) =>
    list.flatMap(({ form, about }) =>
      wrapped(about, 96).map((line, i) => `  ${(i === 0 ? form : '').padEnd(19)} ${line}`),
    )
  return [...lines([...rewardKinds, ...others]), 'Rewards of rewards:', ...lines(combinations)].join('\n')
}

/**
 * Opens a reward as it is written.
 *
 * @param option the one that it stands behind, for errors
 * @throws UserError one line: what is not understood, is not there, or does not fit the model
 */
export async function openReward(text: string, context: RewardContext, option = '--reward'): Promise<Reward<Tensor>> {
  return asUserError(`${option} ${text}`, async () => prepared(readReward(text))(context))
}

/** What a reward means, in a few words; nothing where it says so itself. */
export function aboutReward(text: string): string | undefined {
  const read = readReward(text)
  const [term, ...more] = read.type === 'sum' ? read.terms : [{ weight: 1, of: read }]
  if (term.of.type !== 'named' || more.length > 0 || Math.abs(term.weight) !== 1) return undefined
  const { name } = term.of
  const kind = rewardKinds.find((candidate) => candidate.name === name)
  return kind && `${term.weight < 0 ? 'minus the ' : ''}${kind.about.split(';')[0]}`
}

/** Everything that can be told without a model is told before one is opened. */
function prepared(read: RewardText): (context: RewardContext) => Promise<Reward<Tensor>> {
  switch (read.type) {
    case 'named': {
      const kind = rewardKinds.find((candidate) => candidate.name === read.name)
      if (!kind) {
        const forms = rewardKinds.map((candidate) => candidate.form).join(', ')
        const others = combinations.map(({ form }) => form).join(', ')
        throw new Error(
          `there is no reward "${read.name}"; there are ${forms}, ./my-reward.mjs, https://..., and of them ${others}`,
        )
      }
      const open = kind.read(read.argument)
      return async (context) => open(context)
    }
    case 'file':
      return () => openRewardFile(read.path)
    case 'url': {
      const reward = httpReward(read.url)
      return async () => reward
    }
    case 'sum': {
      const terms = read.terms.map(({ weight, of }) => ({ weight, open: prepared(of) }))
      return async (context) => {
        const opened = await inTurn(terms, async ({ weight, open }) => ({ weight, reward: await open(context) }))
        return opened.length === 1 ? scaled(opened[0].reward, opened[0].weight) : weightedSum(opened)
      }
    }
    case 'min': {
      const parts = read.of.map(prepared)
      return async (context) => minimum(await inTurn(parts, (open) => open(context)))
    }
    case 'clip': {
      const open = prepared(read.of)
      if (read.low > read.high) throw new Error(`clip needs low <= high, got ${read.low} and ${read.high}`)
      return async (context) => clip(await open(context), read.low, read.high)
    }
    case 'threshold': {
      const open = prepared(read.of)
      const { at, softness } = read
      if (softness !== undefined && softness <= 0)
        throw new Error(`threshold needs a softness above 0, got ${softness}`)
      return async (context) => threshold(await open(context), at, { softness })
    }
    case 'constraint': {
      const open = prepared(read.of)
      const conditions = read.conditions.map((condition) => ({ ...condition, measure: prepared(condition.measured) }))
      return async (context) => {
        let reward = await open(context)
        for (const { measure, bound, value } of conditions.reverse()) {
          reward = constraint(await measure(context), { [bound]: value }, reward)
        }
        return reward
      }
    }
  }
}

/** One after another, so that the first error is that of the first. */
async function inTurn<T, U>(list: readonly T[], each: (item: T) => Promise<U>): Promise<U[]> {
  const done: U[] = []
  for (const item of list) done.push(await each(item))
  return done
}

function rangeOf(reward: string, { name, event, range }: DiffusionModel): readonly [number, number] {
  if (range && event.length === 3) return range
  throw new Error(`${reward} needs images; the model ${name} makes [${event}]`)
}

async function openClassReward(
  label: string,
  context: RewardContext,
  transform: 'softmax' | 'log-softmax' | 'log-odds',
): Promise<Reward<Tensor>> {
  const { chosen, card, graph } = fittingClassifier(context, label)
  if (!card.classes.includes(label)) {
    throw new Error(`the classifier ${chosen} knows no class "${label}"; it knows ${card.classes.join(', ')}`)
  }
  return asUserError(`--classifier ${chosen}`, () =>
    differentiableClassReward(context.runtime, graph, card, label, transform),
  )
}

/** Likeness to an image `[...event]` or `[1, ...event]` of a `.npy` file, in the model's range of values. */
async function openLikeness(file: string, context: RewardContext): Promise<Reward<Tensor>> {
  let image: Tensor
  try {
    image = readNpy(new Uint8Array(readFileSync(file)), file)
  } catch (error) {
    throw new Error(`like:${file}: ${messageOf(error)}`)
  }
  const { event, name } = context.model
  if (image.data.length !== sizeOf(event) || image.shape.slice(-event.length).join() !== event.join()) {
    throw new Error(`like:${file} holds [${image.shape}]; the model ${name} makes [${event}]`)
  }
  const { chosen, card, graph } = fittingClassifier(context)
  return asUserError(`--classifier ${chosen}`, () =>
    featureSimilarity(context.runtime, graph, card, { shape: event, data: image.data }),
  )
}

/** The classifier that was asked for, or the zoo's that fits the model, and the label, best. */
function fittingClassifier({ model, classifier }: RewardContext, label?: string) {
  const fits = (event: readonly number[]) => event.join() === model.event.join()
  const clean = ({ card }: ZooEntry) => card.type === 'classifier' && !(card as ClassifierCard).noisy
  const fitting = zooModels().filter((entry) => clean(entry) && fits((entry.card as ClassifierCard).event))
  const known = 'classes' in model.card ? String(model.card.classes) : label
  /** One of the model's own classes first; judges, which measure what searches have found, last. */
  const rank = ({ name, card }: ZooEntry) => {
    const { classes } = card as ClassifierCard
    const knows = label !== undefined && classes.includes(label)
    return (String(classes) === known ? 0 : knows ? 2 : 4) + Number(name.endsWith('-judge'))
  }
  const inOrder = fitting.sort((p, q) => rank(p) - rank(q))
  const chosen = classifier ?? (inOrder.find(({ name }) => name === `${model.name}-classifier`) ?? inOrder[0])?.name
  if (!chosen) throw new Error(`no classifier of [${model.event}] is in the zoo; name one with --classifier`)
  const { card, graph } = readModelFiles(chosen, '--classifier')
  if (card.type !== 'classifier' || !graph) {
    throw new UserError(`--classifier ${chosen} is a diffusion model; a classifier is needed`)
  }
  if (!fits(card.event)) {
    throw new UserError(`--classifier ${chosen} takes [${card.event}]; the model ${model.name} makes [${model.event}]`)
  }
  return { chosen, card, graph }
}

/** A module with `export function reward(samples)`: one number per sample, at once or as a promise. */
async function openRewardFile(path: string): Promise<Reward<Tensor>> {
  if (!existsSync(path)) throw new Error(`${path}: no such file; check the path`)
  let module: { reward?: unknown; timeout?: unknown; name?: unknown }
  try {
    module = await import(pathToFileURL(resolve(path)).href)
  } catch (error) {
    throw new Error(`${path}: the module cannot be loaded: ${messageOf(error)}`)
  }
  const { reward, timeout = moduleTimeout, name = path } = module
  if (typeof reward !== 'function') {
    const names = Object.keys(module).join(', ') || 'nothing'
    throw new Error(`${path}: it exports ${names}; a function named "reward" is needed`)
  }
  if (typeof timeout !== 'number') throw new Error(`${path}: its timeout is ${timeout}; milliseconds are needed`)
  if (typeof name !== 'string' || name === '') throw new Error(`${path}: its name is ${name}; a text is needed`)
  return functionReward(reward as RewardFunction<Tensor>, { name, timeout })
}

function wrapped(text: string, width: number): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines[lines.length - 1]
    if (line.length + 1 + word.length > width && line) lines.push(word)
    else lines[lines.length - 1] = line ? `${line} ${word}` : word
  }
  return lines
}
