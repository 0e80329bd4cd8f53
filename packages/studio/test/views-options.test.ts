import { odeChain, pixelChain } from 'espalier/chain'
import { cleanGradient } from 'espalier/guide'
import { parseGaussianMixture, uniformGrid, vpLinear } from 'espalier/process'
import { distanceTo } from 'espalier/reward'
import { searchCatalogue } from 'espalier/search'
import { ddim } from 'espalier/solve'
import { describe, expect, it } from 'vitest'
import { mixture } from '../src/engine/models.ts'
import { aboutOption, searchDefaults } from '../src/views/new-run/search-options.ts'

const process = vpLinear()
const world = parseGaussianMixture(mixture.card)
const denoiser = world.denoiser(process)
const reward = distanceTo([2, 0])
const grid = uniformGrid(process, 8)

function chainFor(name: string) {
  const { chain, blocks } = entryOf(name).make({})
  const common = { denoiser, branchAt: blocks }
  if (chain === 'deterministic') return odeChain({ ...common, plan: ddim()(process, grid) })
  const plan = ddim({ eta: 1 })(process, grid)
  return pixelChain({ ...common, plan, ...(chain === 'guided' && { gradient: cleanGradient(denoiser, reward) }) })
}

function entryOf(name: string) {
  const entry = searchCatalogue.find((candidate) => candidate.name === name)
  if (!entry) throw new Error(`there is no search ${name}`)
  return entry
}

async function ending(name: string, options: Readonly<Record<string, unknown>>) {
  const run = entryOf(name).make(options)
  const result = await run.run({ chain: chainFor(name), reward, budget: 600, lambda: 2, width: 4, seed: 3 })
  return { rewards: result.candidates.map(({ reward }) => reward), nfe: result.nfe }
}

/** `0.8`, `true`, `soft` as a catalogue takes them. */
const read = (text: string) =>
  text === 'true' || text === 'false' ? text === 'true' : Number.isNaN(Number(text)) ? text : Number(text)

describe('the options of a search in the form', () => {
  it.each(Object.entries(searchDefaults))('of %s have the defaults that they say', async (name, defaults) => {
    const { options } = entryOf(name)
    expect(options).toEqual(expect.arrayContaining(Object.keys(defaults)))
    const usual = await ending(name, {})
    const spelt = Object.fromEntries(Object.entries(defaults).map(([option, text]) => [option, read(text)]))
    expect(await ending(name, spelt)).toEqual(usual)
  })

  it('are all explained', () => {
    const unexplained = searchCatalogue.flatMap(({ name, options }) =>
      options.filter((option) => !aboutOption(option)).map((option) => `${name} ${option}`),
    )
    expect(unexplained).toEqual([])
  })
})
