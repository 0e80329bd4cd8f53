import { z } from 'zod/mini'
import { type CatalogueEntry, catalogueEntry, fromCatalogue } from '../tensor/catalogue.ts'
import { eulerAncestral } from './ancestral.ts'
import { ddim } from './ddim.ts'
import { ddpm } from './ddpm.ts'
import { deis } from './deis.ts'
import { denoised } from './denoised.ts'
import { dpmSolverPlusPlusAncestral, dpmSolverPlusPlusSde } from './dpm-sde.ts'
import { dpmSolverSinglestep } from './dpm-singlestep.ts'
import { dpmSolver, dpmSolverPlusPlus } from './dpm-solver.ts'
import { dualFast, growing } from './dual-fast.ts'
import { euler, heun } from './euler.ts'
import { flowDiffusions, flowSde } from './flow-sde.ts'
import { ghvb } from './ghvb.ts'
import { lms } from './lms.ts'
import { heavyBall, nesterov, withMomentum } from './momentum.ts'
import { mrSampler } from './mr-sampler.ts'
import type { Solver } from './plan.ts'
import { ipndm, plms, pndm } from './pndm.ts'
import { resShift } from './res-shift.ts'
import { rungeKutta } from './runge-kutta.ts'
import { saSolver } from './sa-solver.ts'
import { type TableauName, tableaus } from './tableau.ts'
import { uniPC } from './uni-pc.ts'

const share = z.number().check(z.gte(0), z.lte(1))
const level = z.number().check(z.gte(0))
const order = (most: number) => z.int().check(z.gte(1), z.lte(most))
const lowerOrderFinal = z.union([z.boolean(), z.literal('auto')])
const variant = z.enum(['correct', 'released'])
const variable = z.enum(['time', 'rho', 'lambda'])
const target = z.enum(['data', 'noise'])
const type = z.enum(['midpoint', 'taylor'])
const solver = z.string()

const multistep = { type, tau: level, variant, lowerOrderFinal }
const singlestep = { type, inner: z.enum(['grid', 'ratio']), r1: share, r2: share, tau: level, variant }
const churn = { churn: level, churnMin: level, churnMax: level, churnNoise: level }
const momentum = { order: z.number().check(z.positive(), z.lte(5)), beta: share }

/** An entry without a base solver has none to wrap. */
const base = (text: string | undefined): Solver => {
  if (text === undefined) throw new Error('a wrapper needs the solver that it wraps, as base=...')
  return solverFrom(text)
}

/** Every solver, by the name that the field uses, for {@link solverFrom}. */
export const solverCatalogue: readonly CatalogueEntry<Solver>[] = [
  catalogueEntry('ddim', 'DDIM (Song 2021); eta 0 is the ODE, 1 ancestral', { eta: share }, ddim),
  catalogueEntry('ddpm', 'ancestral sampling (Ho 2020)', { variance: z.enum(['small', 'large']) }, ddpm),
  catalogueEntry('euler', 'Euler in rho, which is DDIM; or in another variable', { variable, ...churn }, euler),
  catalogueEntry(
    'flow-sde',
    'the flow as an SDE, Euler-Maruyama with any g(t) (Kim 2025)',
    { g: z.union([level, z.enum(flowDiffusions)]), norm: level },
    flowSde,
  ),
  catalogueEntry(
    'euler-a',
    'Euler with ancestral noise (k-diffusion)',
    { eta: level, variable: z.enum(['rho', 'time']) },
    eulerAncestral,
  ),
  catalogueEntry('heun', 'Heun with churn (Karras 2022); two calls a step', { variable, ...churn }, heun),
  catalogueEntry(
    'runge-kutta',
    'explicit Runge-Kutta in rho (DEIS rhoRK) or another variable',
    { method: z.enum(Object.keys(tableaus) as [TableauName]), variable, target },
    ({ method = 'kutta', ...o }) => rungeKutta({ method, ...o }),
  ),
  catalogueEntry('dpm-2m', 'DPM-Solver multistep, order 2, noise prediction (Lu 2022)', multistep, (o) =>
    dpmSolver({ order: 2, ...o }),
  ),
  catalogueEntry('dpm-3m', 'DPM-Solver multistep, order 3', multistep, (o) => dpmSolver({ order: 3, ...o })),
  catalogueEntry('dpm-2s', 'DPM-Solver-2, singlestep', singlestep, (o) =>
    dpmSolverSinglestep({ order: 2, target: 'noise', ...o }),
  ),
  catalogueEntry('dpm-3s', 'DPM-Solver-3, singlestep', singlestep, (o) =>
    dpmSolverSinglestep({ order: 3, target: 'noise', ...o }),
  ),
  catalogueEntry('dpm++1m', 'DPM-Solver++ of order 1; tau 1 is DDPM', multistep, (o) =>
    dpmSolverPlusPlus({ order: 1, ...o }),
  ),
  catalogueEntry('dpm++2m', 'DPM-Solver++ multistep, order 2 (Lu 2022)', multistep, (o) =>
    dpmSolverPlusPlus({ order: 2, ...o }),
  ),
  catalogueEntry('dpm++3m', 'DPM-Solver++ multistep, order 3', multistep, (o) => dpmSolverPlusPlus({ order: 3, ...o })),
  catalogueEntry('dpm++2s', 'DPM-Solver++ singlestep, order 2', singlestep, (o) =>
    dpmSolverSinglestep({ order: 2, target: 'data', ...o }),
  ),
  catalogueEntry('dpm++3s', 'DPM-Solver++ singlestep, order 3', singlestep, (o) =>
    dpmSolverSinglestep({ order: 3, target: 'data', ...o }),
  ),
  catalogueEntry('dpm++2m-sde', 'SDE-DPM-Solver++ multistep, order 2', multistep, (o) =>
    dpmSolverPlusPlus({ order: 2, tau: 1, ...o }),
  ),
  catalogueEntry('dpm++3m-sde', 'SDE-DPM-Solver++ multistep, order 3', multistep, (o) =>
    dpmSolverPlusPlus({ order: 3, tau: 1, ...o }),
  ),
  catalogueEntry('dpm++sde', 'DPM++ SDE, singlestep (k-diffusion)', { tau: level, r: share, variant }, (o) =>
    dpmSolverPlusPlusSde(o),
  ),
  catalogueEntry('dpm++2s-a', 'DPM++ 2S with ancestral noise (k-diffusion)', { eta: level }, (o) =>
    dpmSolverPlusPlusAncestral(o),
  ),
  catalogueEntry(
    'deis',
    'DEIS tAB and rhoAB (Zhang 2023); order 4 is tAB3',
    { order: order(4), variable, lowerOrderFinal },
    deis,
  ),
  catalogueEntry(
    'unipc',
    'UniPC (Zhao 2023); corrector=false is UniP',
    { order: order(4), b: z.enum(['bh1', 'bh2']), corrector: z.boolean(), target, lowerOrderFinal },
    uniPC,
  ),
  catalogueEntry(
    'sa-solver',
    'SA-Solver, stochastic Adams (Xue 2023)',
    {
      predictorOrder: order(4),
      correctorOrder: z.int().check(z.gte(0), z.lte(4)),
      tau: level,
      target,
      variant,
      lowerOrderFinal,
    },
    saSolver,
  ),
  catalogueEntry('pndm', 'F-PNDM and S-PNDM (Liu 2022)', { warmup: z.enum(['runge-kutta', 'improved-euler']) }, pndm),
  catalogueEntry('plms', 'PLMS (Rombach 2022)', {}, plms),
  catalogueEntry('ipndm', 'PNDM without the Runge-Kutta start (Zhang 2023)', { order: order(5) }, ipndm),
  catalogueEntry('lms', 'linear multistep in rho (k-diffusion)', { order: order(4) }, lms),
  catalogueEntry('ghvb', 'generalised heavy ball (Wizadwongsa 2024); order 3.8 is k 4, beta 0.8', momentum, ghvb),
  catalogueEntry('heavy-ball', 'heavy ball over Adams-Bashforth (Wizadwongsa 2024)', momentum, heavyBall),
  catalogueEntry('nesterov', "Nesterov's momentum over Adams-Bashforth (Wizadwongsa 2024)", momentum, nesterov),
  catalogueEntry(
    'mr',
    'MR Sampler (Li 2025), for mean-reverting processes',
    {
      order: order(3),
      form: z.enum(['ode', 'sde']),
      prediction: target,
      variant,
      lowerOrderFinal,
    },
    mrSampler,
  ),
  catalogueEntry('resshift', 'the chain of ResShift (Yue 2023), for residual-shifting processes', {}, resShift),
  catalogueEntry(
    'momentum',
    'momentum around base=dpm++2m or base=unipc (Wizadwongsa 2024)',
    { base: solver, beta: share, variant },
    ({ base: text, beta = 0.8, variant: which }) => withMomentum(base(text), { beta, variant: which }),
  ),
  catalogueEntry(
    'dualfast',
    'DualFast around base=... (Yu 2025); c grows to its value over the steps',
    { base: solver, c: z.number(), power: level, reference: z.enum(['previous', 'first']), mix: target },
    ({ base: text, c = 0.5, power = 1, reference, mix }) =>
      dualFast(base(text), { c: power === 0 ? c : growing(c, power), reference, mix }),
  ),
  catalogueEntry(
    'denoised',
    'base=... with a last data prediction, where the process ends in noise',
    { base: solver },
    (o) => denoised(base(o.base)),
  ),
]

/**
 * The solver that a text names: `dpm++2m`, with options `ghvb(order=4, beta=0.8)`; wrappers take a solver:
 * `dualfast(base=dpm-2m(type=taylor), c=0.3)`.
 * @throws one line: what was not understood, and what there is
 */
export function solverFrom(text: string): Solver {
  return fromCatalogue(solverCatalogue, 'solver', text)
}
