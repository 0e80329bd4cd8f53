/** Rewards of images, fields and points by name. */

import {
  differentiableClassReward,
  distanceTo,
  featureSimilarity,
  imageRewards,
  type JpegOptions,
  type Reward,
} from 'espalier/reward'
import type { ClassifierCard } from 'espalier/runtime'
import { fromCatalogue, readNpy, sizeOf, type Tensor } from 'espalier/tensor'
import { lineOf } from './engine-error.ts'
import { type FoundModel, ofClassifier } from './fitting-classifier.ts'
import type { Opening, RewardKind } from './reward-kinds.ts'

/**
 * Bytes of images as JPEG: `incompressibility` of `espalier/reward`, given from outside since it brings an encoder that
 * a page has no use for.
 */
export type JpegReward = (options: Pick<JpegOptions, 'valueRange'>) => Reward<Tensor>

/** What rewards are told of the model that makes the samples, and of where they are. */
export interface ImageRewardContext {
  /** Name of the model. */
  readonly model: string
  readonly event: readonly number[]
  /** Values of black and white, where samples are images. */
  readonly range?: readonly [number, number]
  /** The classifier of such samples that fits a label best. @throws one line where there is none */
  classifier(label?: string): Promise<FoundModel<ClassifierCard>>
  /** Reads a file; not there where a reward must not. */
  readonly read?: (file: string) => Uint8Array
  /** Makes the reward `jpeg`, where there is an encoder. */
  readonly jpeg?: JpegReward
}

type Kind = RewardKind<Tensor, ImageRewardContext>

/** Every reward of these samples that has a name. */
export const imageRewardKinds: readonly Kind[] = [
  classKind('class', 'log-softmax', 'log-probability that a classifier gives to a class'),
  classKind('odds', 'log-odds', 'log-odds log p / (1 - p) of the probability that a classifier gives to a class'),
  classKind('prob', 'softmax', 'probability that a classifier gives to a class'),
  {
    name: 'like',
    form: 'like:<image.npy>',
    about: "cosine similarity with an image, in a classifier's features",
    fit: fitLikeness,
  },
  {
    name: 'near',
    form: 'near:<x,y,...>',
    about: 'minus half the squared distance to a point; near(x,y,...) within another reward',
    fit(argument, { event }) {
      const point = readPoint(argument)
      const size = sizeOf(event)
      if (point.some((x) => !Number.isFinite(x)) || point.length !== size) {
        throw new Error(`near needs ${size} numbers with commas between them, got "${argument}"`)
      }
      return () => distanceTo(point)
    },
  },
  {
    name: 'jpeg',
    form: 'jpeg',
    about: 'bytes of the image as JPEG',
    fit(argument, context) {
      if (argument) throw new Error(`jpeg takes nothing behind it, got "${argument}"`)
      const valueRange = rangeOf('jpeg', context)
      const { jpeg } = context
      if (!jpeg) throw new Error('jpeg needs an encoder of JPEG, which is not here; run it on a server')
      return () => jpeg({ valueRange })
    },
  },
  ...imageRewards.map(
    (entry): Kind => ({
      name: entry.name,
      form: entry.options.length > 0 ? `${entry.name}(...)` : entry.name,
      about: entry.options.length > 0 ? `${entry.about}; options ${entry.options.join(', ')}` : entry.about,
      fit(argument, context) {
        const reward = fromCatalogue(imageRewards, 'reward', `${entry.name}(${argument})`)
        const valueRange = rangeOf(entry.name, context)
        const made = reward({ valueRange })
        return () => made
      },
    }),
  ),
]

/** The point of `near:`; NaN where a number is missing. */
export function readPoint(argument: string): number[] {
  return argument.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)))
}

function rangeOf(reward: string, { model, event, range }: ImageRewardContext): readonly [number, number] {
  if (range && event.length === 3) return range
  throw new Error(`${reward} needs images; the model ${model} makes [${event}]`)
}

function classKind(name: string, transform: 'softmax' | 'log-softmax' | 'log-odds', about: string): Kind {
  return {
    name,
    form: `${name}:<label>`,
    about,
    async fit(label, { classifier }) {
      const { name: chosen, card, graph } = await classifier(label)
      if (!card.classes.includes(label)) {
        throw new Error(`the classifier ${chosen} knows no class "${label}"; it knows ${card.classes.join(', ')}`)
      }
      return ofClassifier(chosen, async (runtime) =>
        differentiableClassReward(runtime, await graph(), card, label, transform),
      )
    },
  }
}

/** Likeness to an image `[...event]` or `[1, ...event]` of a `.npy` file, in the model's range of values. */
async function fitLikeness(file: string, context: ImageRewardContext): Promise<Opening<Tensor>> {
  const { event, model, read, classifier } = context
  if (!read) throw new Error('like reads a file, and no files are read here')
  let image: Tensor
  try {
    image = readNpy(read(file), file)
  } catch (error) {
    throw new Error(`like:${file}: ${lineOf(error)}`)
  }
  if (image.data.length !== sizeOf(event) || image.shape.slice(-event.length).join() !== event.join()) {
    throw new Error(`like:${file} holds [${image.shape}]; the model ${model} makes [${event}]`)
  }
  const { name: chosen, card, graph } = await classifier()
  const given = { shape: event, data: image.data }
  return ofClassifier(chosen, async (runtime) => featureSimilarity(runtime, await graph(), card, given))
}
