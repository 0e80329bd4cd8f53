/**
 * The step loop alone: 1000 steps of DDPM for 10^5 particles of a 2-D mixture, so that the model costs next to nothing.
 * Bytes that each part must move per second, beside what a plain copy of arrays larger than the cache reaches in the
 * same run; the same rows on all cores, bit for bit; and the memory that a step allocates (none; wrappers of a denoiser,
 * such as guidance, allocate their own batches).
 */
import { inThreads, physicalCores, rowRanges } from 'espalier/node'
import { combine, keyTable, normalRows, type Tensor } from 'espalier/tensor'
import { cpuTime, pairwise, ratio, report, summary } from './support/pairwise.ts'
import { copy, type ParticleRows, particles } from './support/particle-rows.ts'

const count = 100_000
const steps = 1000
const threads = physicalCores()
const module = new URL('./support/particle-rows.js', import.meta.url)
const { denoiser, keys, x, run } = particles({ from: 0, to: count, steps: 20 })

// state -> prediction, noise written, state + prediction + noise -> state: 8 bytes a particle each.
const bytes = 8 * (2 + 1 + 4)
const speed = (seconds: number) => ({
  seconds: Number(seconds.toPrecision(4)),
  nsPerParticleAndStep: Number(((1e9 * seconds) / count / steps).toPrecision(4)),
  GBps: Number(((bytes * count * steps) / seconds / 1e9).toPrecision(4)),
})
await run()

const buffers: number[] = []
const ends: number[] = []
const onStep = () => {
  buffers.push(process.memoryUsage().arrayBuffers)
  ends.push(performance.now())
}
const all: ParticleRows = { from: 0, to: count, steps }
const jobs = rowRanges(count, threads).map((range): ParticleRows => ({ ...range, steps }))
let whole = x
const together = new Float32Array(x.data.length)
// On cores that other programs use as well, wall time says little: CPU seconds say what a run costs.
const cpu = { oneThread: Infinity, allCores: Infinity }
const counted = (arm: keyof typeof cpu, work: () => Promise<void>) => async () => {
  const before = cpuTime()
  await work()
  cpu[arm] = Math.min(cpu[arm], (cpuTime() - before) / 1000)
}
const timings = await pairwise(
  {
    oneThread: counted('oneThread', async () => {
      whole = await particles(all).run(ends.length === 0 ? { onStep } : {})
    }),
    // Their start is in it: threads that load their modules, compile their kernels, make their keys.
    allCores: counted('allCores', async () => {
      const parts = await inThreads<ParticleRows, Float32Array>(module, 'run', jobs, { threads })
      for (const [i, part] of parts.entries()) together.set(part, 2 * jobs[i].from)
    }),
  },
  { rounds: 3, warmUp: 0 },
)
const bits = new Int32Array(together.buffer)
const differs = new Int32Array(whole.data.buffer).findIndex((word, i) => word !== bits[i])
if (differs >= 0) throw new Error(`particle ${differs >> 1} ends elsewhere on ${threads} threads`)

// From one array to another of together 512 MiB, which no cache holds, or as much in parts, one a thread.
const copyGBps = (bytes: number, seconds: readonly number[]) =>
  Number(seconds.reduce((sum, s) => sum + (2 * bytes) / s / 1e9, 0).toPrecision(4))
const [large, share] = [2 ** 28, 4 * Math.floor(2 ** 26 / threads)]
const shares = new Array(threads).fill({ bytes: share, repeats: 8 })
const copied = {
  oneThread: copyGBps(large, [copy({ bytes: large, repeats: 8 })]),
  allCores: copyGBps(share, await inThreads<unknown, number>(module, 'copy', shares, { threads })),
}

const part = async (perStep: number, work: () => unknown, repeats = 20) => {
  const begin = performance.now()
  for (let i = 0; i < repeats; i++) await work()
  const s = (performance.now() - begin) / 1000
  return { nsPerParticle: (1e9 * s) / repeats / count, GBps: (perStep * count * repeats) / s / 1e9 }
}
const like = (): Tensor => ({ shape: x.shape, data: new Float32Array(x.data.length) })
const [prediction, noise, out] = [like(), like(), like()]
const streams = keyTable(keys)
const times = new Float64Array(count).fill(0.5)
const ofAStep = {
  copyInCache: await part(16, () => out.data.set(x.data), 200),
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
const fastest = (arm: keyof typeof cpu) => ({
  ...speed(Math.min(...timings[arm]) / 1000),
  cpuSeconds: Number(cpu[arm].toPrecision(4)),
})
report('particles', {
  measures:
    'execute on a 2-D mixture of two modes: bytes that one step must move (states, predictions, noise) per second',
  particles: count,
  steps,
  wholeRun: {
    what: 'the fastest of three rounds, with the keys and the start of the rows, and of the threads',
    oneThread: fastest('oneThread'),
    allCores: { threads, ...fastest('allCores'), sameBits: true },
    allCoresToOneThread: ratio(timings, 'allCores', 'oneThread'),
  },
  copyOf256MiB: {
    what: 'Float32Array.set, bytes read and written per second; all cores: each a part between arrays of its own',
    GBps: copied,
    wholeRunToCopy: {
      oneThread: Number((fastest('oneThread').GBps / copied.oneThread).toPrecision(3)),
      allCores: Number((fastest('allCores').GBps / copied.allCores).toPrecision(3)),
    },
  },
  stepNsPerParticle: summary(ends.slice(1).map((end, i) => (1e6 * (end - ends[i])) / count)),
  parts: ofAStep,
  allocated: {
    what: 'growth of typed-array memory (process.memoryUsage().arrayBuffers) over the steps after the tenth, in bytes',
    bytes: growth,
    stateBytes: x.data.byteLength,
  },
})
