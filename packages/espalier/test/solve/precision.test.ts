import { describe, expect, it } from 'vitest'
import { GaussianMixture, uniformGrid, vpLinear } from '../../src/process/index.ts'
import {
  advance,
  ddim,
  ddpm,
  dpmSolverPlusPlus,
  dpmSolverPlusPlusSde,
  type ExecuteOptions,
  execute,
  heun,
  type Plan,
  start,
} from '../../src/solve/index.ts'
import { fold, key, type Tensor } from '../../src/tensor/index.ts'

const process = vpLinear()
const means = [
  [-2, 0],
  [2, 0],
]
const world = new GaussianMixture({ means, stds: [0.3, 0.3], weights: [1, 3] })
const denoisers = {
  double: world.denoiser(process),
  single: world.denoiser(process, { precision: 'single' }),
}
const keysOf = (n: number, seed = 1) => Array.from({ length: n }, (_, i) => fold(key(seed), i))

async function sample(plan: Plan, precision: 'double' | 'single', n: number, options: ExecuteOptions = {}) {
  const keys = options.keys ?? keysOf(n)
  const x = start(plan, denoisers[precision], keys)
  return execute(plan, denoisers[precision], x, { keys, precision, ...options })
}

describe('a run in single precision', () => {
  it('of a deterministic solver ends where that in double precision does', async () => {
    for (const solver of [ddim(), heun(), dpmSolverPlusPlus()]) {
      const plan = solver(process, uniformGrid(process, 30))
      const [single, double] = [await sample(plan, 'single', 1000), await sample(plan, 'double', 1000)]
      const errors = single.data.map((value, i) => Math.abs(value - double.data[i])).sort()
      expect(errors[1000]).toBeLessThan(2e-6) // the median; rows between the modes spread their roundings
      expect(errors[1980]).toBeLessThan(1e-4)
    }
  })

  it('samples the law that double precision samples', async () => {
    const plan = ddpm()(process, uniformGrid(process, 100))
    const n = 20_000
    const statistics = ({ data }: Tensor) => {
      const first = data.filter((_, i) => i % 2 === 0)
      const second = data.filter((_, i) => i % 2 === 1)
      const within = first.map((x) => Math.abs(x) - 2)
      const moments = (x: Float32Array, shift = 0) => [1, 2, 3, 4].map((p) => x.map((v) => (v - shift) ** p))
      return [...moments(first), ...moments(second), ...moments(within), first.map((x) => (x > 0 ? 1 : 0))]
    }
    const of = (values: Float32Array) => {
      const mean = values.reduce((sum, v) => sum + v, 0) / n
      return { mean, variance: values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / n / n }
    }
    const single = statistics(await sample(plan, 'single', n, { keys: keysOf(n, 7) })).map(of)
    const double = statistics(await sample(plan, 'double', n, { keys: keysOf(n, 8) })).map(of)
    single.forEach(({ mean, variance }, i) => {
      expect(Math.abs(mean - double[i].mean)).toBeLessThan(4 * Math.sqrt(variance + double[i].variance))
    })
  })

  it('gives a row the same bits in any batch, and in blocks of steps', async () => {
    for (const solver of [ddpm(), dpmSolverPlusPlusSde()]) {
      const plan = solver(process, uniformGrid(process, 13))
      const keys = keysOf(3000)
      const whole = await sample(plan, 'single', 3000)
      const some = await sample(plan, 'single', 11, { keys: keys.slice(2985, 2996) })
      expect(some.data).toEqual(whole.data.slice(2 * 2985, 2 * 2996))
      const denoiser = denoisers.single
      let kept = await advance(
        plan,
        denoiser,
        { states: [start(plan, denoiser, keys)], predictions: [] },
        { keys, precision: 'single', to: 5 },
      )
      kept = await advance(plan, denoiser, kept, { keys, precision: 'single', from: 5 })
      expect(kept.states[0].data).toEqual(whole.data)
    }
  })

  it('allocates no arrays from step to step', async () => {
    const plan = ddpm()(process, uniformGrid(process, 60))
    const sizes: number[] = []
    const { arrayBuffers } = globalThis.process.memoryUsage()
    await sample(plan, 'single', 10_000, {
      onStep: () => {
        sizes.push(globalThis.process.memoryUsage().arrayBuffers - arrayBuffers)
      },
    })
    // Below the size of one state, 80 kB: what the collector frees in between makes it smaller.
    expect(Math.max(...sizes.slice(10)) - Math.max(...sizes.slice(0, 10))).toBeLessThan(40_000)
  })

  it('names the row that is not finite', async () => {
    const plan = ddpm()(process, uniformGrid(process, 5))
    const x = start(plan, denoisers.single, keysOf(50))
    x.data[34] = Number.NaN
    const run = execute(plan, denoisers.single, x, { keys: keysOf(50), precision: 'single' })
    await expect(run).rejects.toThrow(/step 1 of 5 .* of row 17 is not finite/)
  })

  it('is not the default', async () => {
    const plan = ddpm()(process, uniformGrid(process, 5))
    const keys = keysOf(40)
    const x = start(plan, denoisers.double, keys)
    const run = (options: ExecuteOptions) => execute(plan, denoisers.double, x, { keys, ...options })
    const unsaid = await run({})
    expect((await run({ precision: 'double' })).data).toEqual(unsaid.data)
    expect((await run({ precision: 'single' })).data).not.toEqual(unsaid.data)
    await expect(run({ precision: 'float' as 'single' })).rejects.toThrow('"double" or "single", got "float"')
    await expect(execute(plan, denoisers.single, x, { precision: 'single' })).rejects.toThrow('one key per row')
  })
})
