/**
 * The step loop alone: 1000 steps of DDPM for 10^5 particles of a 2-D mixture, so that the model costs next to nothing, in
 * both precisions. Bytes that each part must move per second, beside what a plain copy of arrays larger than the cache
 * reaches in the same run, and beside what the arithmetic alone would take if every vector unit were busy; the same rows
 * on all cores, bit for bit; and the memory that a step allocates (none; wrappers of a denoiser, such as guidance,
 * allocate their own batches).
 */
import { energyDistance, mean, mean95, variance } from 'espalier/measure'
import { inThreads, physicalCores, rowRanges } from 'espalier/node'
import {
  combine,
  combineSingle,
  keyTable,
  normalRows,
  type Precision,
  SingleNormals,
  type Tensor,
} from 'espalier/tensor'
import { compiledBy, operationsOf } from './support/kernel-operations.ts'
import { pairwise, ratio, report, summary } from './support/pairwise.ts'
import { copy, type Moment, type ParticleEnds, type ParticleRows, particles, run } from './support/particle-rows.ts'
import { peakVectorOperations } from './support/peak.ts'

const count = 100_000
const steps = 1000
const threads = physicalCores()
const module = new URL('./support/particle-rows.js', import.meta.url)
const precisions = ['double', 'single'] as const

// state -> prediction, noise written, state + prediction + noise -> state: 8 bytes a particle each.
const bytes = 8 * (2 + 1 + 4)
const short = (value: number, digits = 4) => Number(value.toPrecision(digits))
const speed = (seconds: number) => ({
  seconds: short(seconds),
  nsPerParticleAndStep: short((1e9 * seconds) / count / steps),
  GBps: short((bytes * count * steps) / seconds / 1e9),
})

/** One precision: its arms, and what they leave behind. */
function measured(precision: Precision) {
  const all: ParticleRows = { from: 0, to: count, steps, precision }
  const jobs = rowRanges(count, threads).map((range): ParticleRows => ({ ...range, steps, precision }))
  const buffers: number[] = []
  const ends: number[] = []
  const onStep = () => {
    buffers.push(process.memoryUsage().arrayBuffers)
    ends.push(performance.now())
  }
  /** Seconds of the fastest round: from the first step of a thread to the last one of all. */
  const fastest = { oneThread: Infinity, allCores: Infinity }
  // On cores that other programs use as well, wall time says little: CPU seconds say what a run costs.
  const cpu = { oneThread: Infinity, allCores: Infinity }
  const counted = (arm: keyof typeof cpu, work: () => Promise<readonly ParticleEnds[]>) => async () => {
    const parts = await work()
    const span = (of: keyof Moment) =>
      (Math.max(...parts.map(({ to }) => to[of])) - Math.min(...parts.map(({ from }) => from[of]))) / 1000
    fastest[arm] = Math.min(fastest[arm], span('time'))
    cpu[arm] = Math.min(cpu[arm], span('cpu'))
  }
  const together = new Float32Array(2 * count)
  const result: { whole: Float32Array } = { whole: together }
  const oneThread = counted('oneThread', async () => {
    const ended = await run(all, ends.length === 0 ? { onStep } : {})
    result.whole = ended.data
    return [ended]
  })
  // Their start is in it: threads that load their modules, compile their kernels, make their keys.
  const allCores = counted('allCores', async () => {
    const parts = await inThreads<ParticleRows, ParticleEnds>(module, 'run', jobs, { threads })
    for (const [i, { data }] of parts.entries()) together.set(data, 2 * jobs[i].from)
    return parts
  })
  const checkBits = () => {
    const bits = new Int32Array(together.buffer)
    const differs = new Int32Array(result.whole.buffer).findIndex((word, i) => word !== bits[i])
    if (differs >= 0) throw new Error(`${precision}: particle ${differs >> 1} ends elsewhere on ${threads} threads`)
  }
  return { oneThread, allCores, checkBits, result, cpu, fastest, buffers, ends }
}

const compiled = await compiledBy(() => particles({ from: 0, to: count, steps: 20, precision: 'single' }).run())
const [double, single] = precisions.map(measured)
for (const precision of precisions) await particles({ from: 0, to: count, steps: 20, precision }).run()
const timings = await pairwise(
  {
    oneThread: double.oneThread,
    allCores: double.allCores,
    singleOneThread: single.oneThread,
    singleAllCores: single.allCores,
  },
  { rounds: 3, warmUp: 0 },
)
for (const { checkBits } of [double, single]) checkBits()

// From one array to another of together 512 MiB, which no cache holds, or as much in parts, one a thread.
const copyGBps = (bytes: number, seconds: readonly number[]) =>
  short(seconds.reduce((sum, s) => sum + (2 * bytes) / s / 1e9, 0))
const [large, share] = [2 ** 28, 4 * Math.floor(2 ** 26 / threads)]
const shares = new Array(threads).fill({ bytes: share, repeats: 8 })
const copied = {
  oneThread: copyGBps(large, [copy({ bytes: large, repeats: 8 })]),
  allCores: copyGBps(share, await inThreads<unknown, number>(module, 'copy', shares, { threads })),
}

/** The fastest of some repeats. */
const part = async (perStep: number, work: (i: number) => unknown, repeats = 40) => {
  let s = Infinity
  for (let i = 0; i < repeats; i++) {
    const begin = performance.now()
    await work(i)
    s = Math.min(s, (performance.now() - begin) / 1000)
  }
  return { nsPerParticle: short((1e9 * s) / count), GBps: short((perStep * count) / s / 1e9) }
}
const rows = (precision: Precision) => particles({ from: 0, to: count, steps: 20, precision })
const { x, keys, denoiser } = rows('double')
const inSingle = rows('single').denoiser
const like = (): Tensor => ({ shape: x.shape, data: new Float32Array(x.data.length) })
const [prediction, noise, out] = [like(), like(), like()]
const streams = keyTable(keys)
const times = new Float64Array(count).fill(0.5)
const normals = new SingleNormals(streams, 2)
const terms = [x, prediction, noise]
const parts = {
  copyInCache: await part(16, () => out.data.set(x.data), 200),
  double: {
    combine: await part(32, () => combine(out, [0.9, 0.1, 0.2], terms)),
    noise: await part(8, () => normalRows(streams, 7, noise.data)),
    predict: await part(16, () => denoiser.predict(x, times, 'data', undefined, prediction)),
  },
  single: {
    combine: await part(32, () => combineSingle(out, [0.9, 0.1, 0.2], terms)),
    noiseOfTwoSteps: await part(16, (i) => normals.at(2 * i)),
    predict: await part(16, () => inSingle.predict(x, times, 'data', undefined, prediction)),
  },
}

/** Vector instructions of a turn of a kernel that was compiled, over what one turn does. */
const operations = (name: string, parameters: readonly number[], over: number) => {
  const counts = compiled.flatMap((bytes) => operationsOf(bytes, name, parameters) ?? [])
  if (counts.length !== 1) throw new Error(`${counts.length} kernels with a function "${name}", expected one`)
  return counts[0] / over
}
/** The least time that the arithmetic of single precision can take: all its vector instructions at the highest rate. */
function roofline() {
  // Eight rows a turn: of normals for two steps, of predictions by two components; and sixteen numbers of a sum.
  const vectorOperations = {
    noise: operations('draw', [0, 0, 2], 8 * 2),
    predict: operations('data', [0, 2], 8),
    combine: operations('sum3', [0], 16 / 2),
  }
  const { noise, predict, combine } = vectorOperations
  const perNs = peakVectorOperations()
  const ns = (noise + predict + combine) / perNs
  const shareOf = (seconds: number) => short((ns * count * steps) / seconds / 1e9, 3)
  return {
    what:
      'single precision: vector instructions (four floats each) of a particle and step, counted in the kernels that were ' +
      'compiled, without loads and stores; the highest rate of products, sums, integer sums and exclusive ors in equal parts; ' +
      'and the share of a step that they would take at that rate, beside the share that moving its bytes would take as a plain copy',
    vectorOperations,
    highestPerNs: short(perNs),
    nsPerParticleAndStep: short(ns),
    GBps: short(bytes / ns),
    shareOfAStep: { oneThread: shareOf(single.fastest.oneThread), byCpuTime: shareOf(single.cpu.oneThread) },
    shareOfAStepAsCopy: short(speed(single.fastest.oneThread).GBps / copied.oneThread, 3),
  }
}

/** Growth of memory over the steps after the tenth. What the collector frees in between, of the run before, is no growth. */
const growth = ({ buffers }: typeof double) => {
  let [growth, lowest] = [0, Infinity]
  for (const bytes of buffers.slice(10)) {
    lowest = Math.min(lowest, bytes)
    growth = Math.max(growth, bytes - lowest)
  }
  return growth
}

/** Whether both precisions sample one law: moments by their standard errors, and the energy distance of other rows. */
function agreement(p: Float32Array, q: Float32Array) {
  const statistics: Record<string, (x: number, y: number) => number> = {
    shareRight: (x) => (x > 0 ? 1 : 0),
    distanceFromMode: (x) => Math.abs(x) - 2,
    squareFromMode: (x) => (Math.abs(x) - 2) ** 2,
    second: (_, y) => y,
    squareOfSecond: (_, y) => y * y,
    fourthPowerOfSecond: (_, y) => y ** 4,
  }
  const of = (data: Float32Array, f: (x: number, y: number) => number) =>
    Float64Array.from({ length: count }, (_, i) => f(data[2 * i], data[2 * i + 1]))
  const moments = Object.entries(statistics).map(([name, f]) => {
    const [a, b] = [of(p, f), of(q, f)]
    const error = Math.sqrt((variance(a) + variance(b)) / count)
    return [
      name,
      { double: short(mean(a)), single: short(mean(b)), standardErrors: short((mean(b) - mean(a)) / error, 3) },
    ]
  })
  const [groups, size] = [25, 1000]
  const some = (data: Float32Array, group: number): Tensor => ({
    shape: [size, 2],
    data: data.subarray(2 * size * group, 2 * size * (group + 1)),
  })
  const distances = (to: Float32Array) =>
    mean95(Float64Array.from({ length: groups }, (_, g) => energyDistance(some(p, g), some(to, groups + g))))
  return {
    moments: Object.fromEntries(moments),
    energyDistance: { doubleToDouble: distances(p), doubleToSingle: distances(q) },
  }
}

type Arm = keyof typeof timings
/** Speed, and what share it is of that of a plain copy. */
const stepsIn = (seconds: number, arm: 'oneThread' | 'allCores') => ({
  ...speed(seconds),
  toCopy: short(speed(seconds).GBps / copied[arm], 3),
})
const runOf = (arms: Readonly<Record<'oneThread' | 'allCores', Arm>>, { cpu, fastest }: typeof double) => {
  const of = (arm: 'oneThread' | 'allCores', threads: number) => ({
    threads,
    secondsWithStart: short(Math.min(...timings[arms[arm]]) / 1000),
    steps: stepsIn(fastest[arm], arm),
    stepsByCpuTime: stepsIn(cpu[arm] / threads, arm),
  })
  return {
    oneThread: of('oneThread', 1),
    allCores: { ...of('allCores', threads), sameBits: true },
    allCoresToOneThread: ratio(timings, arms.allCores, arms.oneThread),
  }
}
const stepsOf = ({ ends }: typeof double) => summary(ends.slice(1).map((end, i) => (1e6 * (end - ends[i])) / count))

report('particles', {
  measures:
    'execute on a 2-D mixture of two modes: bytes that one step must move (states, predictions, noise) per second',
  particles: count,
  steps,
  run: {
    what:
      'the fastest of three rounds: with the keys and the start of the rows and of the threads; its steps alone, ' +
      'beside a plain copy; and those by CPU time, for each of the threads, which other work on the machine disturbs less',
    double: runOf({ oneThread: 'oneThread', allCores: 'allCores' }, double),
    single: runOf({ oneThread: 'singleOneThread', allCores: 'singleAllCores' }, single),
    singleToDouble: {
      oneThread: ratio(timings, 'singleOneThread', 'oneThread'),
      allCores: ratio(timings, 'singleAllCores', 'allCores'),
      stepsByCpuTime: {
        oneThread: short(single.cpu.oneThread / double.cpu.oneThread, 3),
        allCores: short(single.cpu.allCores / double.cpu.allCores, 3),
      },
    },
  },
  copyOf256MiB: {
    what: 'Float32Array.set, bytes read and written per second; all cores: each a part between arrays of its own',
    GBps: copied,
  },
  sameLaw: {
    what: 'single against double precision: differences of moments in their standard errors; mean energy distance of 25 pairs of 1000 other rows, with 95 % intervals, beside that of double precision to itself',
    ...agreement(double.result.whole, single.result.whole),
  },
  roofline: roofline(),
  stepNsPerParticle: { double: stepsOf(double), single: stepsOf(single) },
  parts,
  allocated: {
    what: 'growth of typed-array memory (process.memoryUsage().arrayBuffers) over the steps after the tenth, in bytes',
    double: growth(double),
    single: growth(single),
    stateBytes: x.data.byteLength,
  },
})
