import { readSafetensors, writeSafetensors } from '../tensor/safetensors.ts'
import type { Layout } from './adamw.ts'

/** All that changes during training, flat in one layout; `readCheckpoint` fills these arrays. */
export interface TrainState {
  readonly weights: Float32Array
  readonly average: Float32Array
  readonly first: Float32Array
  readonly second: Float32Array
}

const parts = ['weights', 'average', 'first', 'second'] as const

/** A checkpoint as one safetensors file: four tensors per parameter, the counters in its metadata. */
export function writeCheckpoint(
  step: number,
  seconds: number,
  fingerprint: string,
  layout: Layout,
  state: TrainState,
): Uint8Array {
  const tensors = parts.flatMap((part) =>
    layout.slots.map(
      ({ name, shape, at, size }) => [`${part}/${name}`, { shape, data: state[part].subarray(at, at + size) }] as const,
    ),
  )
  return writeSafetensors(Object.fromEntries(tensors), {
    format: 'espalier-training-1',
    step: String(step),
    seconds: String(seconds),
    fingerprint,
  })
}

/**
 * Fills `state` from a checkpoint.
 * @throws Error when it is of another configuration or another network
 */
export function readCheckpoint(
  bytes: Uint8Array,
  fingerprint: string,
  layout: Layout,
  state: TrainState,
): { readonly step: number; readonly seconds: number } {
  const { tensors, metadata } = readSafetensors(bytes)
  if (metadata.fingerprint !== fingerprint)
    throw new Error(
      `the checkpoint belongs to another run (${metadata.fingerprint || 'unnamed'}; this one is ${fingerprint || 'unnamed'}); remove it, or train into another folder`,
    )
  for (const part of parts)
    for (const { name, at, size } of layout.slots) {
      const found = tensors[`${part}/${name}`]
      if (found?.data.length !== size) throw new Error(`the checkpoint lacks "${part}/${name}" of ${size} numbers`)
      state[part].set(found.data as Float32Array, at)
    }
  return { step: Number(metadata.step), seconds: Number(metadata.seconds) }
}
