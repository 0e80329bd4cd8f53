export type { Chain } from './chain.ts'
export { type MixtureChainOptions, mixtureChain } from './mixture-chain.ts'
export { type PixelChainOptions, pixelChain } from './pixel-chain.ts'
