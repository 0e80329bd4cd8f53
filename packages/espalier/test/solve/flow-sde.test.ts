import { describe, expect, test } from 'vitest'
import {
  circularGrid,
  coefficientsAt,
  conversion,
  flow,
  GaussianMixture,
  gridFrom,
  type Process,
  uniformGrid,
  viewed,
  vpCosine,
  vpLinear,
} from '../../src/process/index.ts'
import { euler, execute, flowSde, isStochastic, moments, solverFrom, start } from '../../src/solve/index.ts'
import { fold, key } from '../../src/tensor/index.ts'

/** The world of the sheet: mean .25, variance 1.6125, P(x < -.3) = .310. */
const world = new GaussianMixture({ means: [[-1.5], [1]], stds: [0.4, 0.6], weights: [0.3, 0.7] })
const vp = vpLinear()
const linear = flow()

/** `E[x_0 | x]` and `E[eps | x]` of the world in float64. */
const clean = (x: number, a: number, s: number) => world.predict([x], a, s, 'data', new Float64Array(1))[0]
const noise = (x: number, a: number, s: number) => world.predict([x], a, s, 'noise', new Float64Array(1))[0]
/** `u = a' x_0 + s' eps`, from the definition. */
const velocity = (process: Process, x: number, t: number) => {
  const { a, s, da, ds } = coefficientsAt(process, t)
  return da * clean(x, a, s) + ds * noise(x, a, s)
}

const points = [0.03, 0.1, 0.35, 0.6, 0.9, 0.999].flatMap((s) => [-2.1, -0.4, 0.2, 1.3].map((x) => [s, x] as const))
/** Agreement in float64, next to the size of the terms. */
const close = (a: number, b: number, size = 1) =>
  expect(Math.abs(a - b)).toBeLessThan(2e-13 * Math.max(1, Math.abs(b), size))

describe('a linear flow on another interpolant (sheet 4.3)', () => {
  /** `t_s`, `c_s` and `ub_s(xb)` by the published formulas, from the velocity of the linear flow alone. */
  function converted(own: Process, other: Process, s: number, x: number) {
    const [ab, sb] = [other.a(s), other.s(s)]
    const t = 1 / (1 + ab / sb)
    const c = sb / own.s(t)
    const [alpha, sigma] = [own.a(t), own.s(t)]
    const tdot =
      (sigma ** 2 * (sb * other.da(s) - ab * other.ds(s))) / (sb ** 2 * (sigma * own.da(t) - alpha * own.ds(t)))
    const cdot = (sigma * other.ds(s) - sb * own.ds(t) * tdot) / sigma ** 2
    return { t, c, tdot, cdot, velocity: (cdot / c) * x + c * tdot * velocity(own, x / c, t) }
  }

  test('its velocity, score and clean estimate are those of the interpolant itself', () => {
    for (const [s, x] of points) {
      const found = converted(linear, vp, s, x)
      close(found.velocity, velocity(vp, x, s), Math.abs(vp.ds(s)))
      const c = coefficientsAt(vp, s)
      const score = conversion('flow', 'score', c)
      close(score.x * x + score.output * found.velocity, -noise(x, c.a, c.s) / c.s, 1 / c.s ** 2)
      const data = conversion('flow', 'data', c)
      close(data.x * x + data.output * found.velocity, clean(x, c.a, c.s))
      // and the score is the one of the density
      const h = 1e-5
      const slope = (world.logDensity([x + h], c.a, c.s) - world.logDensity([x - h], c.a, c.s)) / (2 * h)
      expect(score.x * x + score.output * found.velocity).toBeCloseTo(slope, 5)
    }
  })

  test('a view asks the network at t_s and x / c_s', async () => {
    const asked: number[][] = []
    const inner = world.denoiser(linear)
    const spy = {
      ...inner,
      predict: (x: Parameters<typeof inner.predict>[0], t: Float64Array, target: 'data' | 'noise') => {
        asked.push([x.data[0], t[0]])
        return inner.predict(x, t, target)
      },
    }
    const view = viewed(spy, vp)
    for (const [s, x] of points) {
      const { data } = await view.predict({ shape: [1, 1], data: Float32Array.of(x) }, Float64Array.of(s), 'data')
      const { t, c } = converted(linear, vp, s, x)
      const [at, time] = asked[asked.length - 1]
      close(time, t)
      expect(at).toBeCloseTo(x / c, 5)
      expect(data[0]).toBeCloseTo(clean(x, vp.a(s), vp.s(s)), 5)
    }
    // a = .0066 at the noisy end: never quite the linear flow's
    close(converted(linear, vp, 1, 0).t, 1 / (1 + vp.a(1) / vp.s(1)))
    expect(converted(linear, vp, 1, 0).t).toBeCloseTo(0.9935, 4)
  })

  test('to itself it is the identity', () => {
    for (const [s, x] of points) {
      const { t, c, tdot, cdot, velocity: u } = converted(linear, linear, s, x)
      close(t, s)
      close(c, 1)
      close(tdot, 1)
      close(cdot, 0)
      close(u, velocity(linear, x, s))
    }
  })
})

describe('flowSde', () => {
  const processes = [linear, vp, vpCosine(), flow({ shift: 3 })]

  test.each(processes.map((process) => [process.name, process] as const))(
    'with g = 0 it is Euler in time on %s',
    (_, process) => {
      const grid = uniformGrid(process, 8, { from: 0.98 })
      const [sde, ode] = [flowSde({ g: 0 })(process, grid), euler({ variable: 'time' })(process, grid)]
      sde.stages.forEach((stage, i) => {
        expect(stage.noise).toBe(0)
        expect(stage.time).toBe(ode.stages[i].time)
        expect(stage.predictions).toEqual(ode.stages[i].predictions)
        // to s = 0 both are the data prediction
        expect(stage.states).toEqual(ode.stages[i].states[0] === 0 ? [] : ode.stages[i].states)
      })
      expect(isStochastic(sde, 0)).toBe(false)
    },
  )

  test('on N(0, 1) the drift is (2t - 1) x / ((1 - t)^2 + t^2), less g^2/2 of the score', () => {
    const grid = [0.8, 0.7]
    const step = flowSde({ g: (t) => 3 * t * t })(linear, grid).stages[0]
    const variance = 0.2 ** 2 + 0.8 ** 2
    const x = 1.7
    const prediction = (0.2 / variance) * x
    const g = 3 * 0.64
    const expected = x - 0.1 * (((1.6 - 1) / variance) * x) + (0.1 * g * g * (-x / variance)) / 2
    close(step.states[0] * x + step.predictions[0] * prediction, expected)
    close(step.noise, g * Math.sqrt(0.1))
    expect(flowSde()(linear, grid).stages).toEqual(flowSde({ g: 'square', norm: 3 })(linear, grid).stages)
    expect(flowSde({ g: 'linear' })(linear, grid).stages[0].noise).toBeCloseTo(3 * 0.8 * Math.sqrt(0.1), 12)
  })

  test('`forward` has the noise that makes the forward drift linear: beta of the VP process', () => {
    const plan = flowSde({ g: 'forward' })(vp, [0.5, 0.4])
    expect(plan.stages[0].noise).toBeCloseTo(Math.sqrt((0.1 + 19.9 * 0.5) * 0.1), 12)
    expect(() => flowSde({ g: 'forward' })(linear, [1, 0.5])).toThrow('g is Infinity at t = 1')
  })

  test('every g has the same marginals: variance of the end on Gaussian data, in closed form', () => {
    for (const process of processes) {
      for (const g of ['square', 'linear', 'forward', 0.7] as const) {
        const error = (n: number) => {
          const grid = uniformGrid(process, n, { from: 0.9, to: 0.05 })
          const { variance, exact } = moments(flowSde({ g })(process, grid), process, { mean: 0.4, std: 0.6 })
          return Math.abs(variance[n] - exact.variance[n])
        }
        expect(error(800)).toBeLessThan(0.02)
        expect(error(400) / error(800)).toBeCloseTo(2, 0) // weak order 1
      }
    }
  })

  test('marginals of a mixture, by samples: ODE, linear SDE and VP-SDE', async () => {
    const n = 6000
    const runs = [
      { process: linear, g: 0 },
      { process: linear, g: 'square' as const },
      { process: vp, g: 'square' as const },
    ]
    for (const { process, g } of runs) {
      const denoiser = viewed(world.denoiser(linear), process)
      const plan = flowSde({ g })(process, uniformGrid(process, 150))
      const keys = Array.from({ length: n }, (_, i) => fold(key(5), i))
      const { data } = await execute(plan, denoiser, start(plan, denoiser, keys), { keys })
      const mean = data.reduce((sum, v) => sum + v, 0) / n
      const variance = data.reduce((sum, v) => sum + (v - mean) ** 2, 0) / n
      const below = data.filter((v) => v < -0.3).length / n
      // four standard errors: sqrt(1.61 / n) = .016, about .022 and .006
      expect(Math.abs(mean - 0.25)).toBeLessThan(0.065)
      expect(Math.abs(variance - 1.6125)).toBeLessThan(0.09)
      expect(Math.abs(below - 0.31)).toBeLessThan(0.025)
    }
  })

  test('a start keeps its sample without noise and loses it with', async () => {
    const denoiser = world.denoiser(linear)
    const spread = async (g: number | 'square') => {
      const plan = flowSde({ g })(linear, uniformGrid(linear, 20))
      const keys = Array.from({ length: 200 }, (_, i) => fold(key(6), i))
      const x = { shape: [200, 1], data: new Float32Array(200).fill(0.3) }
      const { data } = await execute(plan, denoiser, x, { keys })
      const mean = data.reduce((sum, v) => sum + v, 0) / 200
      return Math.sqrt(data.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 200)
    }
    expect(await spread(0)).toBe(0)
    expect(await spread('square')).toBeGreaterThan(0.5)
  })

  test('the circular grid is that of RBF, and its last step is the clean estimate', () => {
    const grid = circularGrid(vp, 10)
    expect(grid).toHaveLength(11)
    grid.forEach((t, i) => {
      close(t, Math.sqrt(1 - (i / 10) ** 2))
    })
    expect(grid[1]).toBeCloseTo(0.995, 3)
    expect(grid[9]).toBeCloseTo(0.436, 3)
    expect(gridFrom('circular')(vp, 10)).toEqual(grid)
    expect(flowSde()(vp, grid).stages[9]).toMatchObject({ states: [], predictions: [1], noise: 0 })
  })

  test('by name', () => {
    const grid = uniformGrid(linear, 4)
    expect(solverFrom('flow-sde')(linear, grid)).toEqual(flowSde()(linear, grid))
    expect(solverFrom('flow-sde(g=linear, norm=2)')(linear, grid)).toEqual(
      flowSde({ g: 'linear', norm: 2 })(linear, grid),
    )
    expect(solverFrom('flow-sde(g=0)')(linear, grid).stages.every(({ noise }) => noise === 0)).toBe(true)
    expect(() => solverFrom('flow-sde(g=cubic)')).toThrow('flow-sde.g')
    expect(() => flowSde({ g: 'cubic' as never })).toThrow('no diffusion "cubic": there are square, linear, forward')
    expect(() => flowSde({ norm: -1 })).toThrow('norm from 0 on, got -1')
    expect(() => flowSde({ g: () => Number.NaN })(linear, grid)).toThrow('g is NaN at t = 1')
  })
})
