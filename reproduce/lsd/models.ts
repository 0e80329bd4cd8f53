/** The networks: what is sampled, and, opened when all is drawn, what judges it. */

import { type LoadedZooText, loadZooText, type ZooTextModel } from '@espalier/zoo'
import { nodeRuntime } from 'espalier/node'
import { cosine, loadTokenDenoiser, maskedProcess, type TokenDenoiser } from 'espalier/text'
import { type TextWorld, type TextWorldName, textWorld } from '../support/text.ts'
import { countdown } from './countdown.ts'
import { type CountdownName, isCountdown, type WorldName } from './names.ts'

type TextName = Exclude<WorldName, CountdownName>

export interface Models {
  denoiser(world: WorldName): Promise<TokenDenoiser>
  /** Measures sequences, and holds real ones. */
  judging(world: TextName): Promise<TextWorld>
  close(): Promise<void>
}

const models: Readonly<Record<TextName, ZooTextModel>> = {
  words: 'words',
  'words on a cosine': 'words',
  'words-uniform': 'words-uniform',
  kjv: 'kjv',
}
/** Whose text it is. */
const corpora: Readonly<Record<TextName, TextWorldName>> = {
  words: 'words',
  'words on a cosine': 'words',
  'words-uniform': 'words',
  kjv: 'kjv',
}
const judges: Readonly<Record<TextWorldName, ZooTextModel>> = { words: 'words-autoregressive', kjv: 'kjv-judge' }

/** @param load of a model of the zoo; throws NotInstalledError where it is not trained here, at its first use */
export function openModels(load: (name: ZooTextModel) => LoadedZooText = loadZooText): Models {
  const runtime = nodeRuntime()
  const denoisers = new Map<WorldName, Promise<TokenDenoiser>>()
  const worlds = new Map<TextWorldName, Promise<TextWorld>>()
  const open = async (world: WorldName): Promise<TokenDenoiser> => {
    if (isCountdown(world)) return countdown(world === 'countdown' ? 'masked' : 'uniform')
    const { model, card } = load(models[world])
    // The networks are small: a second thread costs more than it brings.
    const denoiser = await loadTokenDenoiser(runtime, model, card, { threads: 1 })
    if (world !== 'words on a cosine') return denoiser
    return { ...denoiser, process: maskedProcess(denoiser.process.vocabulary, cosine()) }
  }
  return {
    denoiser(world) {
      const denoiser = denoisers.get(world) ?? open(world)
      denoisers.set(world, denoiser)
      return denoiser
    },
    judging(name) {
      const corpus = corpora[name]
      const world = worlds.get(corpus) ?? textWorld(corpus, load(corpus), load(judges[corpus]))
      worlds.set(corpus, world)
      return world
    },
    async close() {
      for (const world of worlds.values()) await (await world).close()
      await runtime.close()
    },
  }
}
