import type { RunConfig } from '@espalier/engine'

export interface Example {
  readonly title: string
  readonly about: string
  readonly config: RunConfig
}

const common = { grid: 'uniform', guidance: 1, seed: 1, width: 8, solver: 'ddim(eta=1)' } as const

/** Runs that show something at once. */
export const examples: readonly Example[] = [
  {
    title: 'Digits that look like a 3',
    about: 'Diffusion Tree Sampling over a small network of handwritten digits; a classifier says what looks like a 3.',
    config: {
      ...common,
      ...{ model: 'mnist-small', class: 'none', reward: 'odds:3', method: 'dts(alpha=0.6)' },
      ...{ budget: 6000, steps: 20, lambda: 0.5 },
    },
  },
  {
    title: '2-D mixture with the exact answer',
    about: 'Five Gaussians of the plane, whose scores are exact, pulled towards one of them. No network: it is fast.',
    config: exampleOfWorld('mixture', 'near:2,0'),
  },
  {
    title: 'Words that end in -ing',
    about:
      'Masked diffusion over the letters of English words; a tree search finds texts in which as many as may be end in -ing.',
    config: {
      ...common,
      ...{ model: 'words', reward: 'count:/[a-z]ing\\b/', method: 'dts-star(alpha=0.6)' },
      ...{ solver: 'first-hitting(calls=16)', budget: 3000, steps: 50, lambda: 2 },
    },
  },
]

/** A run that shows what a search makes of a world. */
export function exampleOfWorld(model: string, reward: string): RunConfig {
  return { ...common, model, reward, method: 'dts(alpha=0.6)', budget: 20_000, steps: 20, lambda: 1 }
}
