import {
  ddim,
  ddpm,
  deis,
  dpmSolver,
  dpmSolverPlusPlus,
  dpmSolverPlusPlusAncestral,
  dpmSolverPlusPlusSde,
  dpmSolverSinglestep,
  dualFast,
  euler,
  eulerAncestral,
  flowSde,
  ghvb,
  heavyBall,
  heun,
  ipndm,
  lms,
  mrSampler,
  nesterov,
  plms,
  pndm,
  renoise,
  resShift,
  rungeKutta,
  type Solver,
  saSolver,
  type TableauName,
  uniPC,
  withMomentum,
} from '../../src/solve/index.ts'

/** The order with exact first steps, and that of a run from the solver's own start. */
export interface Claim {
  readonly exact: number
  readonly own: number
}

export interface OrderCase {
  readonly solver: Solver
  /** On smooth grids. */
  readonly claim: Claim
  /** On grids that are uniform in rho, where it is another. */
  readonly uniform?: Claim
}

const claim = (exact: number, own = exact): Claim => ({ exact, own })
const simple = (solver: Solver, exact: number, own = exact): OrderCase => ({ solver, claim: claim(exact, own) })

const runge = (method: TableauName, order: number): OrderCase => simple(rungeKutta({ method }), order)

/** Multistep from a first step of order 1, whose one error of h^2 stays. */
const fromDdim = (solver: Solver, order: number): OrderCase => simple(solver, order, Math.min(order, 2))

/** Constant weights: `order` on grids uniform in rho, at most 2 on others. */
const constant = (solver: Solver, order: number, own = 2): OrderCase => ({
  solver,
  claim: claim(Math.min(order, 2)),
  uniform: claim(order, Math.min(order, own)),
})

const whole = { lowerOrderFinal: false } as const

/** Every deterministic solver and variant, with the order that it has in theory. */
export const orderCases: readonly OrderCase[] = [
  simple(ddim(), 1),
  simple(euler({ variable: 'time' }), 1),
  runge('midpoint', 2),
  simple(heun(), 2),
  simple(heun({ variable: 'time' }), 2),
  simple(heun({ variable: 'lambda' }), 2),
  runge('kutta', 3),
  runge('heun3', 3),
  runge('ralston3', 3),
  runge('vanDerHouwen3', 3),
  runge('ssprk3', 3),
  runge('rk4', 4),
  fromDdim(deis({ order: 2 }), 2),
  fromDdim(deis({ order: 3 }), 3),
  fromDdim(deis({ order: 4 }), 4),
  fromDdim(deis({ order: 2, variable: 'rho' }), 2),
  fromDdim(deis({ order: 3, variable: 'rho' }), 3),
  fromDdim(deis({ order: 4, variable: 'rho' }), 4),
  fromDdim(deis({ order: 3, variable: 'lambda' }), 3),
  fromDdim(lms({ order: 4 }), 4),
  ...[2, 3].map((order) => simple(dpmSolverSinglestep({ order, target: 'noise', inner: 'ratio' }), order)),
  ...[2, 3].map((order) => simple(dpmSolverSinglestep({ order, inner: 'ratio' }), order)),
  ...[2, 3].map((order) => simple(dpmSolverSinglestep({ order, type: 'taylor', inner: 'ratio' }), order)),
  simple(dpmSolverSinglestep({ order: 3, inner: 'ratio', variant: 'released' }), 3),
  fromDdim(dpmSolver({ order: 2, ...whole }), 2),
  fromDdim(dpmSolver({ order: 2, type: 'taylor', ...whole }), 2),
  fromDdim(dpmSolver({ order: 3, ...whole }), 3),
  fromDdim(dpmSolver({ order: 3, variant: 'released', ...whole }), 2),
  fromDdim(dpmSolverPlusPlus({ order: 2, ...whole }), 2),
  fromDdim(dpmSolverPlusPlus({ order: 2, type: 'taylor', ...whole }), 2),
  fromDdim(dpmSolverPlusPlus({ order: 3, ...whole }), 3),
  fromDdim(dpmSolverPlusPlus({ order: 3, variant: 'released', ...whole }), 2),
  fromDdim(mrSampler({ order: 2, ...whole }), 2),
  fromDdim(mrSampler({ order: 2, prediction: 'noise', ...whole }), 2),
  fromDdim(mrSampler({ order: 3, ...whole }), 3),
  fromDdim(mrSampler({ order: 3, variant: 'released', ...whole }), 2),
  ...[1, 2, 3, 4].map((order) => fromDdim(uniPC({ order, corrector: false, ...whole }), order)),
  // The first corrector is UniC-1, of order 2: its one error of h^3 stays.
  ...[1, 2, 3, 4].map((order) => simple(uniPC({ order, ...whole }), order + 1, Math.min(order + 1, 3))),
  simple(uniPC({ order: 2, b: 'bh1', ...whole }), 3),
  simple(uniPC({ order: 3, target: 'noise', ...whole }), 4, 3),
  simple(saSolver({ tau: 0, ...whole }), 2),
  simple(saSolver({ tau: 0, predictorOrder: 3, correctorOrder: 4, ...whole }), 4, 3),
  fromDdim(saSolver({ tau: 0, predictorOrder: 3, correctorOrder: 0, ...whole }), 3),
  ...[2, 3, 4].map((order) => constant(ipndm({ order }), order)),
  constant(plms(), 4, 3),
  constant(pndm({ warmup: 'improved-euler' }), 2),
  constant(pndm(), 4, 3),
  ...[1, 2, 3, 4].map((order) =>
    order === 1 ? simple(ghvb({ order, beta: 0.8 }), 1) : constant(ghvb({ order, beta: 0.8 }), order),
  ),
  constant(ghvb({ order: 4, beta: 0.5 }), 4),
  simple(heavyBall({ order: 2, beta: 0.8 }), 1),
  simple(heavyBall({ order: 4, beta: 0.8 }), 1),
  simple(nesterov({ order: 4, beta: 0.8 }), 1),
  simple(withMomentum(dpmSolverPlusPlus({ order: 2, ...whole }), { beta: 0.8 }), 1),
  simple(withMomentum(uniPC({ order: 2, ...whole }), { beta: 0.8 }), 1),
  simple(dualFast(ddim(), { c: 0.3 }), 1),
  { solver: dualFast(ddim(), { c: 0.5 }), claim: claim(2) },
  simple(dualFast(dpmSolverPlusPlus({ order: 2, ...whole }), { c: 0.3 }), 1),
]

export interface WeakCase {
  readonly solver: Solver
  /** The order of the variance of the end, from the solver's own start; 0 where it does not converge. */
  readonly order: number
  /** Whether data at one point keep their mean and variance at every time, in however few steps. */
  readonly keeps: boolean
}

const weak = (solver: Solver, order: number, keeps = true): WeakCase => ({ solver, order, keeps })
const sde = { tau: 1, ...whole } as const

/** Every stochastic solver and variant. The noise forms of the SDE are right only in the limit of short steps. */
export const weakCases: readonly WeakCase[] = [
  weak(ddpm(), 1),
  weak(ddpm({ variance: 'large' }), 1, false),
  weak(ddim({ eta: 0.5 }), 1),
  weak(eulerAncestral(), 1),
  weak(eulerAncestral({ variable: 'time' }), 1),
  weak(flowSde(), 1, false),
  weak(resShift(), 1),
  weak(renoise(), 0),
  weak(dpmSolverPlusPlus({ order: 1, ...sde }), 1),
  weak(dpmSolverPlusPlus({ order: 2, ...sde }), 2),
  weak(dpmSolverPlusPlus({ order: 2, type: 'taylor', ...sde }), 2),
  weak(dpmSolverPlusPlus({ order: 3, ...sde }), 2),
  weak(dpmSolverPlusPlus({ order: 3, variant: 'released', ...sde }), 2),
  weak(dpmSolver({ order: 1, ...sde }), 1, false),
  weak(dpmSolver({ order: 2, ...sde }), 2, false),
  weak(dpmSolver({ order: 3, ...sde }), 2, false),
  weak(mrSampler({ order: 1, form: 'sde' }), 1),
  weak(mrSampler({ order: 2, form: 'sde', ...whole }), 2),
  weak(dpmSolverSinglestep({ order: 2, tau: 1, inner: 'ratio' }), 2),
  weak(dpmSolverSinglestep({ order: 2, tau: 1, inner: 'ratio', variant: 'released' }), 1),
  weak(dpmSolverSinglestep({ order: 3, tau: 1, inner: 'ratio' }), 2),
  weak(dpmSolverPlusPlusSde(), 2),
  weak(dpmSolverPlusPlusSde({ variant: 'released' }), 2),
  weak(dpmSolverPlusPlusAncestral(), 2),
  weak(saSolver({ predictorOrder: 1, correctorOrder: 0, ...sde }), 1),
  weak(saSolver({ predictorOrder: 1, correctorOrder: 1, ...sde }), 1),
  weak(saSolver({ predictorOrder: 1, correctorOrder: 2, ...sde }), 2),
  weak(saSolver({ predictorOrder: 2, correctorOrder: 2, ...sde }), 2),
  weak(saSolver({ predictorOrder: 2, correctorOrder: 2, variant: 'released', ...sde }), 2),
  weak(saSolver({ predictorOrder: 2, correctorOrder: 2, target: 'noise', ...sde }), 2, false),
  weak(saSolver({ predictorOrder: 3, correctorOrder: 4, ...sde }), 2),
  weak(saSolver({ predictorOrder: 3, correctorOrder: 3, tau: 0.5, ...whole }), 2),
]
