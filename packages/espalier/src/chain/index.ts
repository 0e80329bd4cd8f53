export {
  type Chain,
  type GaussianChain,
  type GuidedChain,
  isStochasticChain,
  type NoiseChain,
  type Proposal,
  type StochasticChain,
  stochasticChain,
} from './chain.ts'
export { type MixtureChainOptions, mixtureChain } from './mixture-chain.ts'
export { type PixelChainOptions, pixelChain } from './pixel-chain.ts'
