/** `--reward`: the registry of names, and reward files. */

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { jpegCodec } from 'espalier/node'
import { quadraticReward, rewardOf } from 'espalier/process'
import { classReward, incompressibility, type Reward } from 'espalier/reward'
import type { ClassifierCard, Runtime } from 'espalier/runtime'
import type { Tensor } from 'espalier/tensor'
import { messageOf, UserError } from './errors.ts'
import { type DiffusionModel, openClassifier } from './model.ts'
import { type ZooEntry, zooModels } from './zoo.ts'

export interface RewardContext {
  readonly runtime: Runtime
  readonly model: DiffusionModel
  /** `--classifier`: a zoo name or a folder; default the zoo's classifier of the model's shape. */
  readonly classifier?: string
}

interface RewardKind {
  /** What stands before the colon. */
  readonly name: string
  /** How it is written, for help and errors. */
  readonly form: string
  readonly about: string
  open(argument: string, context: RewardContext): Promise<Reward<Tensor>>
}

/** Every reward that has a name. A leading minus negates any of them. */
export const rewardKinds: readonly RewardKind[] = [
  {
    name: 'class',
    form: 'class:<label>',
    about: 'log-probability that a classifier gives to a class',
    open: (label, context) => openClassReward(label, context, 'log-softmax'),
  },
  {
    name: 'odds',
    form: 'odds:<label>',
    about: 'log-odds log p / (1 - p) of the probability that a classifier gives to a class',
    open: (label, context) => openClassReward(label, context, 'log-odds'),
  },
  {
    name: 'prob',
    form: 'prob:<label>',
    about: 'probability that a classifier gives to a class',
    open: (label, context) => openClassReward(label, context, 'softmax'),
  },
  {
    name: 'jpeg',
    form: 'jpeg',
    about: 'bytes of the image as JPEG',
    async open(argument, { model }) {
      if (argument) throw new UserError('--reward jpeg takes nothing after a colon')
      if (!model.range || model.event.length !== 3) {
        throw new UserError(`--reward jpeg needs images; the model ${model.name} makes [${model.event}]`)
      }
      return incompressibility({ valueRange: model.range, codec: jpegCodec() })
    },
  },
  {
    name: 'near',
    form: 'near:<x,y,...>',
    about: 'minus half the squared distance to a point',
    async open(argument, { model }) {
      const point = argument.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)))
      const size = model.event.reduce((product, n) => product * n, 1)
      if (point.some((x) => !Number.isFinite(x)) || point.length !== size) {
        throw new UserError(`--reward near:${argument}: ${size} numbers with commas between them are needed`)
      }
      const quadratic = quadraticReward(point, 1)
      return {
        name: `near(${point})`,
        evaluate: async (samples) => samples.map(({ data }) => rewardOf(quadratic, data)),
      }
    },
  },
]

/**
 * Opens a reward by its name, or by the path of a module that exports `reward(samples)`.
 *
 * @throws UserError if there is none of that name, or it does not fit the model
 */
export async function openReward(text: string, context: RewardContext): Promise<Reward<Tensor>> {
  if (/\.[cm]?js$/.test(text)) return openRewardFile(text)
  const negative = text.startsWith('-')
  const [name, ...rest] = (negative ? text.slice(1) : text).split(':')
  const kind = rewardKinds.find((candidate) => candidate.name === name)
  if (!kind) {
    const forms = rewardKinds.map((candidate) => candidate.form).join(', ')
    throw new UserError(`--reward ${text}: no such reward; there are ${forms} (a minus negates), or ./my-reward.mjs`)
  }
  const reward = await kind.open(rest.join(':'), context)
  if (!negative) return reward
  return {
    name: `-${reward.name}`,
    evaluate: async (samples) => Float64Array.from(await reward.evaluate(samples), (value) => -value),
  }
}

/** What a reward means, in a few words; nothing for a module. */
export function aboutReward(text: string): string | undefined {
  const negative = text.startsWith('-')
  const name = text.slice(negative ? 1 : 0).split(':')[0]
  const kind = rewardKinds.find((candidate) => candidate.name === name)
  return kind && `${negative ? 'minus the ' : ''}${kind.about}`
}

async function openClassReward(
  label: string,
  { runtime, model, classifier }: RewardContext,
  transform: 'softmax' | 'log-softmax' | 'log-odds',
): Promise<Reward<Tensor>> {
  const fits = (event: readonly number[]) => event.join() === model.event.join()
  const fitting = zooModels().filter(({ card }) => card.type === 'classifier' && fits((card as ClassifierCard).event))
  const known = 'classes' in model.card ? String(model.card.classes) : label
  /** One of the model's own classes first; judges, which measure what searches have found, last. */
  const rank = ({ name, card }: ZooEntry) => {
    const { classes } = card as ClassifierCard
    return (String(classes) === known ? 0 : classes.includes(label) ? 2 : 4) + Number(name.endsWith('-judge'))
  }
  const inOrder = fitting.sort((p, q) => rank(p) - rank(q))
  const chosen = classifier ?? (inOrder.find(({ name }) => name === `${model.name}-classifier`) ?? inOrder[0])?.name
  if (!chosen) {
    throw new UserError(`--reward class: no classifier of [${model.event}] is in the zoo; name one with --classifier`)
  }
  const { card, session } = await openClassifier(runtime, chosen, '--classifier')
  if (!fits(card.event)) {
    throw new UserError(`--classifier ${chosen} takes [${card.event}]; the model ${model.name} makes [${model.event}]`)
  }
  if (!card.classes.includes(label)) {
    throw new UserError(`--reward class:${label}: the classifier ${chosen} knows ${card.classes.join(', ')}`)
  }
  return classReward(session, card, label, transform)
}

/** A module with `export function reward(samples)`: one number per sample, at once or as a promise. */
async function openRewardFile(path: string): Promise<Reward<Tensor>> {
  if (!existsSync(path)) throw new UserError(`--reward ${path}: no such file; check the path`)
  let module: { reward?: unknown }
  try {
    module = await import(pathToFileURL(resolve(path)).href)
  } catch (error) {
    throw new UserError(`--reward ${path}: the module cannot be loaded: ${messageOf(error)}`)
  }
  const { reward } = module
  if (typeof reward !== 'function') {
    const names = Object.keys(module).join(', ') || 'nothing'
    throw new UserError(`--reward ${path}: it exports ${names}; a function named "reward" is needed`)
  }
  return { name: path, evaluate: async (samples) => reward(samples) }
}
