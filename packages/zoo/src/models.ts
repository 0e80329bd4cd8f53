import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type ModelCard, parseModelCard } from 'espalier/runtime'
import { NotInstalledError } from './idx.ts'

/** The trained models that come with this package. */
export const zooModels = [
  'mnist',
  'mnist-small',
  'mnist-flow',
  'mnist-classifier',
  'mnist-judge',
  'mnist-minority',
  'fashion',
  'fashion-judge',
  'fashion-restore-mr',
  'fashion-sr-resshift4',
  'fashion-sr-resshift15',
  'fashion-sr-ddpm',
  'fashion-sr-l2',
] as const

export type ZooModel = (typeof zooModels)[number]

export interface LoadedZooModel {
  /** The ONNX file. */
  readonly model: Uint8Array
  readonly card: ModelCard
}

/** A model of the zoo: its ONNX bytes and its card. @throws Error when there is none of this name */
export function loadZoo(name: string): LoadedZooModel {
  if (!zooModels.some((known) => known === name))
    throw new Error(`the zoo has no model "${name}"; it has ${zooModels.join(', ')}`)
  const file = (part: string) => fileURLToPath(new URL(`../models/${name}/${part}`, import.meta.url))
  const what = `card of zoo model ${name}`
  try {
    return {
      model: readFileSync(file('model.onnx')),
      card: parseModelCard(JSON.parse(readFileSync(file('card.json'), 'utf8')), what),
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new NotInstalledError(`the zoo model "${name}" is not installed here; train it with: espalier train ${name}`)
  }
}
