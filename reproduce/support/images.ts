/** The zoo's image networks as subjects, with the judge that measures their samples. */

import { classify, fashionData, imagesTensor, loadZoo, mnistData, oneHot } from '@espalier/zoo'
import { classifierFree } from 'espalier/guide'
import { frechetMetric, type Metric, type Subject } from 'espalier/measure'
import { nodeRuntime } from 'espalier/node'
import { type Process, viewed } from 'espalier/process'
import { loadDenoiser, type NetworkCard } from 'espalier/runtime'
import type { Tensor } from 'espalier/tensor'

const dataSets = { mnist: mnistData, fashion: fashionData } as const

export type ImageModelName = keyof typeof dataSets
export const imageModelNames = Object.keys(dataSets) as ImageModelName[]

export interface ImageModel {
  readonly name: ImageModelName
  /**
   * Classes in turn, under classifier-free guidance: at w = 1 a step costs 1 NFE, else 2.
   * @param process whose times are used. Default: the network's own
   */
  subject(w: number, process?: Process): Subject
  /** CNN-FID to the first test images; the floor are training images in the same numbers. */
  cnnFid(seeds: number, samples: number): Metric
  /** Mean and standard deviation of the training images, for the magnitude score. */
  readonly moments: { readonly means: number[]; readonly stds: number[] }
  close(): Promise<void>
}

/** Rows of one network call: what the zoo's networks like best on few cores. */
const rows = 64

/**
 * A class-conditional network of the zoo with its data and its judge.
 * @param options.test real images that samples are compared with. Default all 10,000
 */
export async function imageModel(name: ImageModelName, options: { readonly test?: number } = {}): Promise<ImageModel> {
  const { model, card } = loadZoo(name) as { model: Uint8Array; card: NetworkCard }
  const judge = loadZoo(`${name}-judge`).model
  const data = dataSets[name]
  const train = data.read('train')
  const runtime = nodeRuntime()
  const network = await loadDenoiser(runtime, model, card)
  const classes = data.classes.length
  const unconditional = { label: { shape: [1, classes], data: new Float32Array(classes) } }
  return {
    name,
    subject(w, process = network.process) {
      const denoiser = classifierFree(viewed(network, process), { scale: w, unconditional })
      return {
        name: w === 1 ? name : `${name}, w = ${w}`,
        denoiser,
        batch: w === 1 ? rows : rows / 2,
        condition: (samples) => {
          const labels = samples.map((i) => i % classes)
          return { label: { shape: [labels.length, classes], data: oneHot(labels, classes) } }
        },
      }
    },
    cnnFid: (seeds, samples) =>
      frechetMetric('CNN-FID', async (images) => (await classify(judge, images)).features, {
        target: imagesTensor(data.read('test'), 0, options.test),
        floor: Array.from({ length: seeds }, (_, i) => imagesTensor(train, i * samples, (i + 1) * samples)),
        floorName: 'training images',
      }),
    moments: momentsOf(imagesTensor(train, 0, 2000)),
    async close() {
      await network.release()
      await runtime.close()
    },
  }
}

/**
 * The image networks that are there: `fashion` needs its data set installed, and a network may not be trained here.
 * @returns those that can be used, and one line for each that cannot
 */
export async function openImageModels(
  names: readonly ImageModelName[],
  options: { readonly test?: number } = {},
): Promise<{ models: ImageModel[]; absent: string[] }> {
  const models: ImageModel[] = []
  const absent: string[] = []
  for (const name of names) {
    try {
      models.push(await imageModel(name, options))
    } catch (error) {
      absent.push(`${name}: ${(error as Error).message}`)
    }
  }
  if (models.length === 0) throw new Error(`no image network can be used here: ${absent.join('; ')}`)
  return { models, absent }
}

function momentsOf({ data }: Tensor): { means: number[]; stds: number[] } {
  const mean = data.reduce((sum, v) => sum + v, 0) / data.length
  const square = data.reduce((sum, v) => sum + (v - mean) ** 2, 0) / data.length
  return { means: [mean], stds: [Math.sqrt(square)] }
}
