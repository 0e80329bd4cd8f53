import { type GhvbOptions, splitOrder } from './ghvb.ts'
import type { Solver } from './plan.ts'
import { ipndm } from './pndm.ts'
import { planOf, type Row, rowsOf, type Terms } from './table.ts'
import { transfersOf } from './transfers.ts'

export interface MomentumOptions {
  /** Share of the newest direction in the velocity, 0 < beta <= 1; 1 is no momentum. */
  readonly beta: number
  /** Nesterov's form: the step is taken along `(1 - beta) v_n + beta d_n`, not along `v_n`. Default false. */
  readonly nesterov?: boolean
  /**
   * `released`, for parity with the public code. Around a plan with correctors only these have momentum (the velocity
   * of the predictor is overwritten before its use), and the velocity is divided by `s_to`, so that the direction of an
   * old step counts `s_to / s_old` times: a constant clean sample is then not reproduced. Around others the velocity
   * starts at the first step that reads two predictions, and steps that read one leave it alone.
   */
  readonly variant?: 'correct' | 'released'
}

/**
 * Heavy-ball momentum around a solver (Polyak 1964; Wizadwongsa et al. 2024). Every step of an
 * exponential integrator is `x_to = c x + T d`, where d is a mean of predictions (its weights sum to 1). Instead of d
 * it is taken along a velocity, which is a kept state of the plan:
 *
 *     v_n = (1 - beta) v_{n-1} + beta d_n,   v_0 = d_0;     x_to = c x + T v_n     (no network call)
 *
 * In a predictor-corrector plan the corrector moves the velocity and the predictor takes a trial of its next value.
 * The order is 1 whatever that of the base, as v lags behind d; the stability region is larger.
 * @throws where the steps of the base do not have that form
 */
export function withMomentum(base: Solver, options: MomentumOptions): Solver {
  return momentum(base, options, (name) => {
    const { beta, nesterov, variant } = options
    return `${nesterov ? 'nesterov' : 'momentum'}(${name},beta=${beta}${variant === 'released' ? ',released' : ''})`
  })
}

/** HB, PLMS with heavy-ball momentum: {@link withMomentum} around {@link ipndm}. Options as those of GHVB. */
export function heavyBall(options: GhvbOptions = {}): Solver {
  const { order, beta } = splitOrder('HB', options)
  return momentum(ipndm({ order }), { beta }, () => `heavy-ball(${order},beta=${beta})`)
}

/** NT, PLMS with Nesterov's momentum: {@link withMomentum} around {@link ipndm}. Options as those of GHVB. */
export function nesterov(options: GhvbOptions = {}): Solver {
  const { order, beta } = splitOrder('NT', options)
  return momentum(ipndm({ order }), { beta, nesterov: true }, () => `nesterov(${order},beta=${beta})`)
}

function momentum(base: Solver, options: MomentumOptions, name: (base: string) => string): Solver {
  const { beta, nesterov: ahead = false, variant = 'correct' } = options
  if (!(beta > 0 && beta <= 1)) throw new Error(`momentum needs 0 < beta <= 1, got ${beta}`)
  const released = variant === 'released'
  return (process, grid) => {
    const plan = base(process, grid)
    const old = rowsOf(plan)
    const transfers = transfersOf(plan, process, old)
    const corrected = [...transfers.values()].some(({ corrects }) => corrects)
    const rows: Row[] = []
    const moved = [0] // new numbers of the old states, which the velocities push apart
    const renumber = (terms: Terms): Terms => terms.map(([state, weight]) => [moved[state], weight])
    let velocity: number | undefined
    old.forEach((row, i) => {
      const transfer = transfers.get(i)
      const { step, time, noise } = row
      const ask = row.ask && { ...row.ask, states: renumber(row.ask.states) }
      const trial = corrected && transfer !== undefined && !transfer.corrects
      const untouched = released && (corrected ? trial : row.predictions.length < 2)
      if (!transfer || untouched || (trial && velocity === undefined)) {
        moved.push(rows.push({ ...row, ask, states: renumber(row.states) }))
        return
      }
      if (transfer.innerNoise) throw new Error(`${plan.name} has noise inside its steps: no momentum around it`)
      const { total } = transfer
      const unit = released && corrected ? process.s(plan.grid[transfer.from + 1]) : 1
      const direction = (share: number): Terms => transfer.predictions.map(([p, weight]) => [p, share * weight])
      const kept: Terms = velocity === undefined ? [] : [[velocity, 1 - beta]]
      const share = velocity === undefined ? 1 : beta
      const states = renumber(transfer.states)
      if (trial) {
        const [[v, weight]] = kept
        const along: Terms = [...states, [v, total * weight]]
        moved.push(rows.push({ step, time, ask, states: along, predictions: direction(beta), noise }))
        return
      }
      velocity = rows.push({ step, time, ask, states: kept, predictions: direction(share / total / unit) })
      const along: Row = ahead
        ? { step, time: null, states: [...states, [velocity, total * (1 - beta)]], predictions: direction(beta), noise }
        : { step, time: null, states: [...states, [velocity, total * unit]], predictions: [], noise }
      moved.push(rows.push(along))
    })
    return planOf(name(plan.name), process, plan.target, plan.grid, rows)
  }
}
