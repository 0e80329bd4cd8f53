/**
 * Trees: what a search costs beside its network, how selection and backup grow with the tree, and what a node weighs.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Chain, pixelChain, stochasticChain } from 'espalier/chain'
import { nodeRuntime, physicalCores } from 'espalier/node'
import { parseProcess, uniformGrid } from 'espalier/process'
import type { Reward } from 'espalier/reward'
import { batched, networkDenoiser } from 'espalier/runtime'
import { dts, dtsStar, type Tree } from 'espalier/search'
import { ddim } from 'espalier/solve'
import { fold, key, stream, type Tensor } from 'espalier/tensor'
import { digitModel } from './support/digits.ts'
import { freeChain, freeReward } from './support/free-chain.ts'
import { pairwise, ratio, report, type Summary, summary } from './support/pairwise.ts'

const width = 64
/** Half of it, so that one batch is computed while the results of the other are worked on. */
const maxBatch = 32
const steps = 20

/** How long nothing but the search itself runs: no call of the chain or of the reward is pending. */
function watched<S, X>(chain: Chain<S, X>, reward: Reward<X>) {
  let pending = 0
  let since = performance.now()
  const seen = { own: 0, calls: 0 }
  const during = async <T>(call: () => Promise<T>): Promise<T> => {
    if (pending++ === 0) seen.own += performance.now() - since
    seen.calls++
    try {
      return await call()
    } finally {
      if (--pending === 0) since = performance.now()
    }
  }
  const begin = () => {
    since = performance.now()
    seen.own = 0
  }
  const end = () => (seen.own += performance.now() - since)
  return {
    begin,
    end,
    seen,
    reward: { name: reward.name, evaluate: (x: readonly X[]) => during(async () => reward.evaluate(x)) },
    chain: {
      ...chain,
      start: (...args: Parameters<typeof chain.start>) => during(() => chain.start(...args)),
      step: (...args: Parameters<typeof chain.step>) => during(() => chain.step(...args)),
      decode: (...args: Parameters<typeof chain.decode>) => during(() => chain.decode(...args)),
    },
  }
}

const ink: Reward<Tensor> = {
  name: 'ink',
  evaluate: async (samples) => samples.map(({ data }) => data.reduce((sum, v) => sum + v, 0) / data.length),
}

/** One search and as many rows sent straight through the session, against each other. */
async function network(zoo: 'mnist' | 'mnist-small', waves: number, rounds: number) {
  const { name, graph, card } = digitModel(zoo)
  const process = parseProcess(card.process)
  const runtime = nodeRuntime()
  const session = await runtime.load(graph)
  const evaluator = batched(networkDenoiser(session, { ...card, process }), { maxBatch })
  const plan = ddim({ eta: 1 })(process, uniformGrid(process, steps))
  const inner = pixelChain({ denoiser: evaluator, plan })
  const { chain, reward, begin, end, seen } = watched(inner, ink)
  const budget = waves * width * steps
  const rows: Record<string, Tensor> = {
    x: { shape: [width, ...card.event], data: new Float32Array(width * 784).fill(0.1) },
    t: { shape: [width], data: new Float32Array(width).fill(0.5) },
    label: { shape: [width, 10], data: new Float32Array(width * 10) },
  }
  const feeds = Object.fromEntries(session.inputs.map((input) => [input.name, rows[input.name]]))
  const shares: number[] = []
  let seed = 0
  let nfe = 0
  const search = async () => {
    begin()
    const started = performance.now()
    const found = await dts({ chain: stochasticChain(chain), reward, seed: seed++, budget, alpha: 0.5, width })
    end()
    nfe = found.nfe
    shares.push(seen.own / (performance.now() - started))
  }
  const raw = async () => {
    for (let done = 0; done < budget; done += width) await session.run(feeds)
  }
  /** The same chain without a search: what solver, draws and batching cost. */
  const rollouts = async () => {
    let seed = 0
    for (let done = 0; done < budget; done += width * steps) {
      const keys = Array.from({ length: width }, () => fold(key(99), seed++))
      const walks = keys.map(async (own) => {
        let states = await inner.start([own])
        for (let level = 0; level < inner.depth; level++) states = await inner.step(states, level, [own])
      })
      await Promise.all(walks)
    }
  }
  const timings = await pairwise({ search, rollouts, raw }, { rounds, warmUp: 1 })
  await runtime.close()
  return {
    model: name,
    'NFE of one search': nfe,
    'NFE/s of the search over NFE/s of session.run': ratio(timings, 'raw', 'search'),
    'NFE/s of the search over NFE/s of independent rollouts': ratio(timings, 'rollouts', 'search'),
    'share of the time in which only the search itself runs': summary(shares.slice(1)),
    [`rows per batch over ${maxBatch}, tails included`]: Number(evaluator.statistics.occupancy.toFixed(3)),
  }
}

/** Microseconds of one selection and backup in trees of growing size; relative to the smallest. */
async function growth(search: typeof dts | typeof dtsStar, sizes: readonly number[]) {
  const points: { nodes: number; rootChildren: number; microseconds: Summary }[] = []
  for (const nodes of sizes) {
    const abort = new AbortController()
    let waves = 0
    let next = 0
    const { tree } = await search({
      chain: freeChain([1]),
      reward: freeReward,
      seed: 1,
      budget: 1e12,
      alpha: 0.8,
      width,
      maxIterations: 1e9,
      signal: abort.signal,
      onCheckpoint(save) {
        if (++waves < next) return
        next = 1.03 * waves
        if (save().tree.parent.length >= nodes) abort.abort()
      },
    })
    const rounds = 15
    const passes = 4000
    const times: number[] = []
    const draws = stream(fold(key(1), nodes))
    for (let round = 0; round <= rounds; round++) {
      const begin = performance.now()
      for (let i = 0; i < passes; i++) pass(tree, draws, search === dtsStar, i % 2 === 0 ? 1e-6 : -1e-6)
      if (round > 0) times.push((1000 * (performance.now() - begin)) / passes)
    }
    points.push({ nodes: tree.size, rootChildren: tree.childCount(0), microseconds: summary(times) })
  }
  return points.map((point) => ({
    ...point,
    overSmallest: Number((point.microseconds.median / points[0].microseconds.median).toFixed(2)),
    fastestOverSmallest: Number((point.microseconds.lowest / points[0].microseconds.lowest).toFixed(2)),
  }))
}

/**
 * One iteration that ends in a known leaf: selection by the method's rule, and backup, of a value that changes a little
 * as that of a new leaf would.
 */
function pass(tree: Tree<Float32Array>, draws: ReturnType<typeof stream>, uct: boolean, change: number): void {
  let node = 0
  while (!tree.isLeaf(node)) {
    const logVisits = Math.log(tree.visits(node))
    node = uct ? tree.argmaxChild(node, (visits) => 0.5 * Math.sqrt(logVisits / visits)) : tree.drawChild(node, draws)
  }
  tree.backup(node, tree.value(node) + change)
}

function memory(states: string) {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-bench-'))
  try {
    const script = fileURLToPath(new URL('support/tree-memory.js', import.meta.url))
    const child = spawnSync(process.execPath, [script, states, '100000', join(folder, 'tree.safetensors')])
    if (child.status !== 0) throw new Error(`${child.stderr}`)
    return JSON.parse(`${child.stdout}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const sizes = [1e3, 1e4, 1e5, 1e6]
report('tree', {
  measures:
    `${width} parallel traversals over a digit network (batches of ${maxBatch}) against session.run in batches of ${width}; selection and backup ` +
    'alone in trees over a chain that costs nothing; memory of 10^5 nodes of 3x32x32',
  goal: 'NFE/s >= 0.9 of session.run; own time <= 0.05; selection and backup flat from 10^3 to 10^6 nodes; 10^5 nodes within 1 GiB',
  threads: physicalCores(),
  networks: [await network('mnist-small', 24, 5), await network('mnist', 10, 3)],
  selectionAndBackup: { dts: await growth(dts, sizes), 'dts-star': await growth(dtsStar, sizes) },
  memory: { float16: memory('float16'), float32: memory('float32'), recompute: memory('recompute') },
})
