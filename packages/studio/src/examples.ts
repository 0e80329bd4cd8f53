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
    config: {
      ...common,
      ...{ model: 'mixture', reward: 'near:2,0', method: 'dts(alpha=0.6)' },
      ...{ budget: 20_000, steps: 20, lambda: 1 },
    },
  },
  {
    title: 'An 8 from a flow model',
    about: 'Diffusion Tree Search for the one best sample of a larger network, a flow run as a stochastic process.',
    config: {
      ...common,
      ...{ model: 'mnist-flow', reward: 'odds:8', method: 'dts-star(alpha=0.6)', solver: 'flow-sde' },
      ...{ budget: 2000, steps: 20, lambda: 1 },
    },
  },
]
