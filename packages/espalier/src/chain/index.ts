export type { ArrayChainOptions } from './array-chain.ts'
export {
  type Chain,
  type GaussianChain,
  type GuidedChain,
  guidedChain,
  isGuidedChain,
  isStochasticChain,
  type NoiseChain,
  noiseChain,
  type Proposal,
  type StochasticChain,
  stochasticChain,
} from './chain.ts'
export { continued } from './continued.ts'
export { type FinishPlan, thinned } from './finish.ts'
export { latentChain } from './latent-chain.ts'
export { type MixtureChainOptions, mixtureChain } from './mixture-chain.ts'
export { type OdeChainOptions, odeChain } from './ode-chain.ts'
export { type PixelChain, type PixelChainOptions, pixelChain } from './pixel-chain.ts'
export { type Branching, branchings, branchPoints, evenBranches, forestBranches } from './schedule.ts'
