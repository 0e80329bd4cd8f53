export type { Chain } from './chain.ts'
export { type MixtureChainOptions, mixtureChain } from './mixture-chain.ts'
