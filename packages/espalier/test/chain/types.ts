// Compiled by types.test.ts, not run: what fits which search is decided by the compiler.
import type { Chain, GaussianChain, GuidedChain, NoiseChain, StochasticChain } from '../../src/chain/index.ts'
import { mixtureChain, odeChain, pixelChain, stochasticChain } from '../../src/chain/index.ts'
import type { CleanGradientFunction } from '../../src/guide/index.ts'
import type { Denoiser, GaussianMixture, Process } from '../../src/process/index.ts'
import type { Plan } from '../../src/solve/index.ts'
import type { Tensor } from '../../src/tensor/index.ts'

declare const options: { denoiser: Denoiser; plan: Plan }
declare const world: { mixture: GaussianMixture; process: Process; grid: number[] }
declare const gradient: CleanGradientFunction
declare function particles(chain: StochasticChain<Float32Array, Tensor>): void
declare function twisted(chain: GuidedChain<Float32Array, Tensor>): void
declare function densities(chain: GaussianChain<Float32Array, Tensor>): void
declare function noises(chain: NoiseChain<Float32Array, Tensor>): void
declare const unknown: Chain<Float32Array, Tensor>

particles(pixelChain(options))
particles(mixtureChain(world))
densities(pixelChain(options))
noises(odeChain(options))
twisted(pixelChain({ ...options, gradient }))
twisted(mixtureChain({ ...world, gradient }))
particles(stochasticChain(unknown))

// @ts-expect-error a deterministic chain has nothing to branch at
particles(odeChain(options))
// @ts-expect-error a chain from a file has to be asked first
particles(unknown)
// @ts-expect-error a start does not decide the sample of a stochastic chain
noises(pixelChain(options))
// @ts-expect-error no gradient, no guided proposals
twisted(pixelChain(options))
// @ts-expect-error no gradient, no guided proposals
twisted(mixtureChain(world))
// @ts-expect-error the kernel of a mixture is not one Gaussian
densities(mixtureChain(world))
// @ts-expect-error an ODE chain has no density of its steps
densities(odeChain(options))
