import {
  type Condition,
  type Denoiser,
  type DifferentiableDenoiser,
  isDifferentiableDenoiser,
  rowCostAt,
} from '../process/denoiser.ts'
import { gather, sizeOf, type Tensor } from '../tensor/tensor.ts'
import { conditionRows } from './conditioned.ts'

/** A model and the part of a run that it serves. */
export interface StitchPart {
  /** Conditions go to every model by name; {@link conditioned} binds those that only one of them knows. */
  readonly denoiser: Denoiser
  /**
   * It serves the times above this one, from where the part before it ends; left out of the last, which ends the run.
   */
  readonly until?: number
}

/**
 * Trajectory stitching (Pan et al. 2024, "T-Stitch"): one denoiser out of several of the same data and process, usually
 * a small one for the noisy start of a run and a large one for its end. Each row is served by the model of its time, so
 * one call may go to several; they are asked at once. `until` is in process time; {@link switchTimes} turns fractions
 * of the steps into it.
 *
 * A multistep solver keeps the small model's predictions for its first steps with the large one, as in the paper. NFE
 * are rows of any model: count each with a meter of its own (`counted`) where they cost differently. It can be
 * differentiated where all of them can.
 *
 * @throws Error where the parts are not in order, or differ in process or event
 */
export function stitch(parts: readonly StitchPart[]): Denoiser {
  const ends = parts.map(({ until }, m) => (m === parts.length - 1 ? Number.NEGATIVE_INFINITY : (until ?? Number.NaN)))
  check(parts, ends)
  const models = parts.map(({ denoiser }) => denoiser)
  const { process, event } = models[0]
  const partOf = (t: number) => ends.findIndex((end) => t > end)
  const costs = new Set(models.map(({ rowCost = 1 }) => rowCost))
  const [cost] = costs
  /** The rows of a call by model, as numbers. */
  const served = (t: Float64Array) => {
    const rows: number[][] = models.map(() => [])
    t.forEach((time, row) => {
      rows[partOf(time)].push(row)
    })
    return rows
  }
  /** Asks each model for its rows, all at once. */
  const asked = async (
    rows: readonly number[][],
    t: Float64Array,
    condition: Condition | undefined,
    ask: (m: number, times: Float64Array, given: Condition | undefined) => Promise<Tensor>,
  ) => {
    const size = sizeOf(event)
    const out: Tensor = { shape: [t.length, ...event], data: new Float32Array(t.length * size) }
    await Promise.all(
      models.map(async (_, m) => {
        if (rows[m].length === 0) return
        const times = Float64Array.from(rows[m], (row) => t[row])
        const { data } = await ask(m, times, condition && conditionRows(condition, rows[m]))
        rows[m].forEach((row, i) => {
          out.data.set(data.subarray(i * size, (i + 1) * size), row * size)
        })
      }),
    )
    return out
  }
  return {
    process,
    event,
    rowCost: costs.size === 1 ? cost : (t) => rowCostAt(models[partOf(t)], t),
    async predict(x, t, target, condition, into) {
      const rows = served(t)
      const only = rows.findIndex(({ length }) => length === t.length)
      if (only >= 0) return models[only].predict(x, t, target, condition, into)
      return asked(rows, t, condition, (m, times, given) => models[m].predict(gather(x, rows[m]), times, target, given))
    },
    ...(models.every(isDifferentiableDenoiser) && {
      async pullback(x, t, cotangent, condition) {
        const rows = served(t)
        return asked(rows, t, condition, (m, times, given) =>
          (models[m] as DifferentiableDenoiser).pullback(gather(x, rows[m]), times, gather(cotangent, rows[m]), given),
        )
      },
    }),
  } satisfies Denoiser | DifferentiableDenoiser
}

function check(parts: readonly StitchPart[], ends: readonly number[]): void {
  if (parts.length === 0) throw new Error('Stitching needs at least one model, got none.')
  if (parts.at(-1)?.until !== undefined) {
    throw new Error('The last model of a stitch serves all that is left: leave out its until.')
  }
  ends.forEach((end, m) => {
    if (Number.isNaN(end) || (m > 0 && end > ends[m - 1])) {
      throw new Error(
        `Model ${m} of a stitch of ${parts.length} needs an until, not above that of the model before it.`,
      )
    }
  })
  const [first, ...others] = parts.map(({ denoiser }) => denoiser)
  others.forEach(({ process, event }, m) => {
    if (process.name !== first.process.name) {
      const pair = `${first.process.name} and ${process.name}`
      throw new Error(`Models 0 and ${m + 1} of a stitch are of different processes, ${pair}: view one on the other's.`)
    }
    if (`${event}` !== `${first.event}`) {
      throw new Error(
        `Models 0 and ${m + 1} of a stitch make [${first.event}] and [${event}]; give models of one shape.`,
      )
    }
  })
}

/**
 * Where each model but the last hands over, for {@link StitchPart.until}: model j makes its fraction of the STEPS of a
 * grid. With fractions of steps and unlike the paper's threshold on the diffusion time, the share of the cost is the
 * same on every grid. A step belongs to the model of its first call; a call at the step's end (Heun, a corrector) to
 * the next one.
 *
 * @param grid the decreasing times of a run
 * @param fractions one for each model, from noise to data, together 1
 * @returns one time of the grid for each model but the last
 */
export function switchTimes(grid: readonly number[], fractions: readonly number[]): number[] {
  const total = fractions.reduce((sum, fraction) => sum + fraction, 0)
  if (!(Math.abs(total - 1) < 1e-9 && fractions.every((fraction) => fraction >= 0))) {
    throw new Error(`The fractions of a stitch are at least 0 and add up to 1, got ${fractions.join(' + ')}.`)
  }
  const steps = grid.length - 1
  let sum = 0
  return fractions.slice(0, -1).map((fraction) => grid[Math.min(steps, Math.round((sum += fraction) * steps))])
}
