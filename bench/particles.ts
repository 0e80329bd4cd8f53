/**
 * The step loop alone: 1000 steps of DDPM for 10^5 particles of a 2-D mixture, so that the model costs next to nothing.
 * Bytes that each part must move per second, beside a copy of the same arrays, and the memory that a step allocates
 * (none; wrappers of a denoiser, such as guidance, allocate their own batches).
 */
import { GaussianMixture, uniformGrid, vpLinear } from 'espalier/process'
import { ddpm, execute, start } from 'espalier/solve'
import { combine, fold, key, keyTable, normalRows, type Tensor } from 'espalier/tensor'
import { report, summary } from './support/pairwise.ts'

const particles = 100_000
const steps = 1000
const process_ = vpLinear()
const world = new GaussianMixture({
  means: [
    [-2, 0],
    [2, 0],
  ],
  stds: [0.3, 0.3],
})
const denoiser = world.denoiser(process_)
const keys = Array.from({ length: particles }, (_, i) => fold(key(1), i))
const plan = ddpm()(process_, uniformGrid(process_, steps))
const x = start(plan, denoiser, keys)

const time = async (run: () => unknown) => {
  const begin = performance.now()
  await run()
  return (performance.now() - begin) / 1000
}
await execute(plan, denoiser, x, { keys, to: 20 })

const buffers: number[] = []
const ends: number[] = []
const seconds = await time(() =>
  execute(plan, denoiser, x, {
    keys,
    onStep: () => {
      buffers.push(process.memoryUsage().arrayBuffers)
      ends.push(performance.now())
    },
  }),
)
// state -> prediction, noise written, state + prediction + noise -> state: 8 bytes a particle each.
const bytes = 8 * (2 + 1 + 4)
const part = (perStep: number, run: () => unknown, repeats = 20) =>
  time(async () => {
    for (let i = 0; i < repeats; i++) await run()
  }).then((s) => ({ nsPerParticle: (1e9 * s) / repeats / particles, GBps: (perStep * particles * repeats) / s / 1e9 }))
const like = (): Tensor => ({ shape: x.shape, data: new Float32Array(x.data.length) })
const [prediction, noise, out] = [like(), like(), like()]
const streams = keyTable(keys)
const times = new Float64Array(particles).fill(0.5)
const parts = {
  copy: await part(16, () => out.data.set(x.data), 200),
  combine: await part(32, () => combine(out, [0.9, 0.1, 0.2], [x, prediction, noise]), 200),
  noise: await part(8, () => normalRows(streams, 7, noise.data)),
  predict: await part(16, () => denoiser.predict(x, times, 'data', undefined, prediction)),
}
// What the collector frees in between, of the run before, is no growth.
let [growth, lowest] = [0, Infinity]
for (const bytes of buffers.slice(10)) {
  lowest = Math.min(lowest, bytes)
  growth = Math.max(growth, bytes - lowest)
}
report('particles', {
  measures:
    'execute on a 2-D mixture of two modes: bytes that one step must move (states, predictions, noise) per second',
  particles,
  steps,
  wholeRun: {
    seconds,
    nsPerParticleAndStep: (1e9 * seconds) / particles / steps,
    GBps: (bytes * particles * steps) / seconds / 1e9,
  },
  stepNsPerParticle: summary(ends.slice(1).map((end, i) => (1e6 * (end - ends[i])) / particles)),
  parts,
  allocated: {
    what: 'growth of typed-array memory (process.memoryUsage().arrayBuffers) over the steps after the tenth, in bytes',
    bytes: growth,
    stateBytes: x.data.byteLength,
  },
})
