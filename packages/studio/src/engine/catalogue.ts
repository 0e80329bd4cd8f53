/** Everything that forms offer by name. A file of its own: whoever only watches runs does not load it. */

import { imageRewardKinds, textRewardKinds } from '@espalier/engine'
import { gridCatalogue } from 'espalier/process'
import { imageRewards } from 'espalier/reward'
import { searchCatalogue } from 'espalier/search'
import { solverCatalogue } from 'espalier/solve'
import { tokenSamplerCatalogue } from 'espalier/text'
import type { Catalogue, Named, NamedReward } from './protocol.ts'

export function catalogue(): Catalogue {
  const named = ({ name, about, options, choices }: Named): Named => ({ name, about, options: [...options], choices })
  const reward = ({ name, form, about }: Pick<NamedReward, 'name' | 'form' | 'about'>): NamedReward => {
    const entry = imageRewards.find((candidate) => candidate.name === name)
    return { name, form, about: entry?.about ?? about, options: entry && named(entry) }
  }
  return {
    searches: searchCatalogue.map((entry) => ({ ...named(entry), chain: entry.make({}).chain })),
    solvers: solverCatalogue.map(named),
    grids: gridCatalogue.map(named),
    samplers: tokenSamplerCatalogue.map(named),
    rewards: { image: imageRewardKinds.map(reward), text: textRewardKinds.map(reward) },
  }
}
