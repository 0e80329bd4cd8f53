/** The networks: what drafts, what weighs drafts, and, opened last of all, what judges. */

import { type LoadedZooText, loadZooText, type ZooTextModel } from '@espalier/zoo'
import { nodeRuntime } from 'espalier/node'
import {
  type AutoregressiveCard,
  type AutoregressiveModel,
  loadEnergy,
  loadTokenDenoiser,
  networkAutoregressive,
  type SequenceEnergy,
  type TextTokenizer,
  type TokenDenoiser,
} from 'espalier/text'
import { type TextWorld, textWorld } from '../support/text.ts'
import { leftToRight } from './left-to-right.ts'
import type { EnergyName } from './names.ts'

export interface Models {
  readonly denoiser: TokenDenoiser
  readonly tokenizer: TextTokenizer
  /** The model behind the energies AR and coAR. It is not the judge. */
  readonly autoregressive: AutoregressiveModel
  /** Draws from that model, one token a call. */
  drawn(count: number, seed: number): Promise<Int32Array[]>
  energy(name: EnergyName): Promise<SequenceEnergy>
  /** What measures sequences and holds real ones; its judge weighs no draft. */
  judging(): Promise<TextWorld>
  close(): Promise<void>
}

/**
 * @param load of a model of the zoo by its name
 * @throws NotInstalledError where a model is not trained here, at its first use
 */
export async function openModels(load: (name: ZooTextModel) => LoadedZooText = loadZooText): Promise<Models> {
  const runtime = nodeRuntime()
  // The networks are small: a second thread costs more than it brings.
  const options = { threads: 1 }
  const main = load('kjv')
  const denoiser = await loadTokenDenoiser(runtime, main.model, main.card, options)
  const reader = load('kjv-autoregressive')
  const card = reader.card as AutoregressiveCard
  const session = await runtime.load(reader.model, options)
  const known = new Map<EnergyName, Promise<SequenceEnergy>>()
  const open = (name: EnergyName) => {
    const { model, card } = load(name === 'nce' ? 'kjv-nce' : 'kjv-autoregressive')
    return loadEnergy(runtime, model, card, { ...options, carryOver: name === 'coAr' })
  }
  let world: Promise<TextWorld> | undefined
  return {
    denoiser,
    tokenizer: main.tokenizer,
    autoregressive: networkAutoregressive(session, card),
    drawn: (count, seed) => leftToRight(session, card, count, seed),
    energy(name) {
      const energy = known.get(name) ?? open(name)
      known.set(name, energy)
      return energy
    },
    judging() {
      world ??= textWorld('kjv', main, load('kjv-judge'))
      return world
    },
    async close() {
      await (await world)?.close()
      await runtime.close()
    },
  }
}
