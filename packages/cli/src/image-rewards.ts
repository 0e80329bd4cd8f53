/** Rewards of images, fields and points by name. */

import { readFileSync } from 'node:fs'
import { jpegCodec } from 'espalier/node'
import {
  differentiableClassReward,
  distanceTo,
  featureSimilarity,
  imageRewards,
  incompressibility,
  type Reward,
} from 'espalier/reward'
import type { ClassifierCard, Runtime } from 'espalier/runtime'
import { fromCatalogue, readNpy, sizeOf, type Tensor } from 'espalier/tensor'
import { asUserError, messageOf, UserError } from './errors.ts'
import { type DiffusionModel, readModelFiles } from './model.ts'
import type { RewardKind } from './reward-kinds.ts'
import { type ZooEntry, zooModels } from './zoo.ts'

export interface RewardContext {
  readonly runtime: Runtime
  readonly model: DiffusionModel
  /** `--classifier`: a zoo name or a folder; default the zoo's classifier of the model's shape. */
  readonly classifier?: string
}

/** Every reward of these samples that has a name. */
export const imageRewardKinds: readonly RewardKind<Tensor, RewardContext>[] = [
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
    (entry): RewardKind<Tensor, RewardContext> => ({
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
