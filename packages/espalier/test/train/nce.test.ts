import { GraphBuilder, type Model, tensor, writeModel } from '@espalier/graph'
import { nodeRuntime } from 'espalier/node'
import { fold, key } from 'espalier/tensor'
import {
  type EnergyCard,
  energySampler,
  loadEnergy,
  maskedProcess,
  parseTokenCard,
  type SequenceEnergy,
  sampleTokens,
  stackTokens,
  uniformProcess,
} from 'espalier/text'
import { bakeParameters, nceBatch, nceLoss, type Task, train, trainingGraph, warmupCosine } from 'espalier/train'
import { afterAll, describe, expect, test } from 'vitest'
import { chiSquare, chiSquareBound, histogram, randomLaw, statesOf } from '../text/worlds.ts'

const runtime = nodeRuntime({ workers: 0 })
afterAll(() => runtime.close())

const law = randomLaw(11, 2, 3, 1.2)
const process = maskedProcess(2)
const denoiser = law.denoiser(process)
const states = statesOf(3, 3)
const inputs = { tokens: 'tokens', state: 'state' }
const card = parseTokenCard({ type: 'energy', name: 'table', vocabulary: 2, context: 3 }) as EnergyCard

/** One number for each state and draft: the freest energy. It starts at 0. */
function tableEnergy(options: { time?: boolean; column?: boolean } = {}): Model {
  const b = new GraphBuilder()
  const place = (name: string, base: number) =>
    b
      .input(name, ['n', 3], 'int64')
      .cast('float32')
      .matmul(b.constant(tensor([base * base, base, 1], [3, 1])))
  const row = place('state', 3).mul(8).add(place('tokens', 2)).cast('int64').reshape([-1])
  let energy = b.op('Gather', [b.parameter('table', tensor(new Float32Array(27 * 8), [27 * 8])), row], { axis: 0 })
  if (options.time) energy = energy.add(b.input('t', ['n']))
  b.output('energy', options.column ? energy.reshape([-1, 1]) : energy)
  return b.build()
}

/** `log p_mu(x_0 | x_t) - log q(x_0 | x_t)` and the probability of each draft of a state. */
function optimum(tokens: Int32Array) {
  const posterior = law.posterior(process, tokens, 0)
  const joint = law.joint(process, tokens, 0) as Float64Array
  return Array.from(joint, (q, i) => {
    const draft = law.tokens(i)
    const p = draft.reduce((product, v, l) => product * (tokens[l] === 2 ? posterior[2 * l + v] : 1), 1)
    return { draft, q, p, energy: Math.log(p / q) }
  }).filter(({ q }) => q > 0)
}

const weights = async (energy: SequenceEnergy, tokens: Int32Array) => {
  const drafts = optimum(tokens)
  const repeated = stackTokens(drafts.map(() => tokens))
  return energy.logWeights(stackTokens(drafts.map(({ draft }) => draft)), repeated, 2, new Float64Array(drafts.length))
}

const clean = (n: number, seed: ReturnType<typeof key>) =>
  Array.from({ length: n }, (_, i) => law.sample(fold(seed, i)))

/** Loss of a table and its gradient, on rows as they are. */
async function lossOf(rows: { tokens: number[]; state: number[]; side: number }[], table = new Float32Array(27 * 8)) {
  const session = await runtime.load(writeModel(trainingGraph(tableEnergy(), ['table'], nceLoss('energy'))))
  const int64 = (data: number[][]) => ({
    ...{ type: 'int64' as const, shape: [data.length, 3] },
    data: BigInt64Array.from(data.flat(), BigInt),
  })
  const outputs = await session.run({
    tokens: int64(rows.map(({ tokens }) => tokens)),
    state: int64(rows.map(({ state }) => state)),
    side: { shape: [rows.length], data: Float32Array.from(rows, ({ side }) => side) },
    table: { shape: [27 * 8], data: table },
  })
  await session.release()
  return { loss: outputs.loss.data[0] as number, gradient: outputs.grad_table.data as Float32Array }
}

describe('the loss', () => {
  test('is log 2 at first, and its gradient that of softplus, at energies of any size', async () => {
    const [tokens, state] = [
      [0, 1, 1],
      [2, 1, 2],
    ]
    const at = states.index(state) * 8 + law.index(tokens)
    const one = [{ tokens, state, side: 1 }]
    expect((await lossOf(one)).loss).toBeCloseTo(Math.LN2, 6)
    for (const energy of [-120, -3, 0.5, 120]) {
      for (const side of [1, -1]) {
        const table = new Float32Array(27 * 8)
        table[at] = energy
        const { loss, gradient } = await lossOf([{ tokens, state, side }], table)
        const softplus = Math.max(0, side * energy) + Math.log1p(Math.exp(-Math.abs(energy)))
        expect(loss).toBeCloseTo(softplus, 4)
        expect(gradient[at]).toBeCloseTo(side / (1 + Math.exp(-side * energy)), 5)
      }
    }
  })

  test('has its least at log p_mu - log q: there the gradient over all data and drafts is 0', async () => {
    // As many rows as there are chances, of one state, in thousandths: the gradient is 0 to the rounding of counts.
    const tokens = Int32Array.of(2, 2, 0)
    const drafts = optimum(tokens)
    const table = new Float32Array(27 * 8)
    const rows = drafts.flatMap(({ draft, q, p, energy }) => {
      table[states.index(tokens) * 8 + law.index(draft)] = energy
      const many = (chance: number, side: number) =>
        Array.from({ length: Math.round(4000 * chance) }, () => ({ tokens: [...draft], state: [...tokens], side }))
      return [...many(q, 1), ...many(p, -1)]
    })
    const largest = async (at: Float32Array) => Math.max(...(await lossOf(rows, at)).gradient.map(Math.abs))
    expect(await largest(table)).toBeLessThan(1e-4)
    expect(await largest(new Float32Array(27 * 8))).toBeGreaterThan(1e-2)
  })
})

describe('batches', () => {
  test('hold what the data, the masks and the denoiser say, in those shares', async () => {
    const n = 10_000
    const { tokens, state } = await nceBatch(denoiser, inputs, clean(n, key(9)), key(10))
    const counts = [new Map<number, number>(), new Map<number, number>()]
    for (let i = 0; i < 2 * n; i++) {
      const [row, own] = [tokens, state].map(({ data }) => Array.from(data.subarray(3 * i, 3 * i + 3), Number))
      const at = states.index(own) * 8 + law.index(row)
      const count = counts[i < n ? 0 : 1]
      count.set(at, (count.get(at) ?? 0) + 1)
    }
    for (const [side, kind] of (['q', 'p'] as const).entries()) {
      const [seen, foretold]: [number[], number[]] = [[], []]
      for (let i = 0; i < states.count; i++) {
        const own = states.tokens(i)
        const masks = own.filter((token) => token === 2).length
        if (masks === 0) continue
        // One of three numbers of masks, at one of the places for so many, and the data shows these tokens there.
        const known = law.probabilities.reduce(
          (sum, p, k) => (law.tokens(k).every((v, l) => own[l] === 2 || own[l] === v) ? sum + p : sum),
          0,
        )
        const chance = known / (3 * [1, 3, 3, 1][masks])
        for (const row of optimum(own)) {
          foretold.push(chance * row[kind])
          seen.push((counts[side].get(i * 8 + law.index(row.draft)) ?? 0) / n)
        }
      }
      expect(foretold.reduce((a, b) => a + b)).toBeCloseTo(1, 12)
      expect(chiSquare(foretold, seen, n)).toBeLessThan(chiSquareBound(foretold.length))
    }
  })

  test('hold data and drafts of the same states, known tokens kept, with every number of masks', async () => {
    const rows = clean(30, key(4))
    const timed = { ...inputs, time: 't' }
    const { tokens, state, side, t } = await nceBatch(denoiser, timed, rows, key(5))
    expect([tokens.shape, state.shape, side.shape, t.shape]).toEqual([[60, 3], [60, 3], [60], [60]])
    const masks = [0, 0, 0, 0]
    for (let i = 0; i < 30; i++) {
      const row = (of: { data: ArrayLike<number | bigint> }, at: number) =>
        [0, 1, 2].map((l) => Number(of.data[3 * at + l]))
      expect(row(tokens, i)).toEqual([...rows[i]])
      expect(row(state, i)).toEqual(row(state, 30 + i))
      expect([side.data[i], side.data[30 + i]]).toEqual([1, -1])
      expect(t.data[i]).toBe(t.data[30 + i])
      const own = row(state, i)
      masks[own.filter((token) => token === 2).length]++
      own.forEach((token, l) => {
        if (token === 2) return
        expect([row(tokens, i)[l], row(tokens, 30 + i)[l]]).toEqual([token, token])
      })
      expect(row(tokens, 30 + i).every((token) => token < 2)).toBe(true)
    }
    expect(masks).toEqual([0, 10, 10, 10])
    expect(await nceBatch(denoiser, timed, rows, key(5))).toEqual({ tokens, state, side, t })
    const uniform = nceBatch(law.denoiser(uniformProcess(2)), inputs, rows, key(5))
    await expect(uniform).rejects.toThrow('this one is uniform')
  })
})

describe('an energy of numbers, learned by contrast', () => {
  /** As many rows of each state's sequences as there are chances, in 400ths. */
  const rows = Array.from({ length: states.count }, (_, i) => states.tokens(i))
    .filter((tokens) => tokens.includes(2))
    .flatMap((state) =>
      optimum(state).flatMap(({ draft, q, p }) => {
        const many = (chance: number, side: number) =>
          Array.from({ length: Math.round(400 * chance) }, () => ({ draft, state, side }))
        return [...many(q, 1), ...many(p, -1)]
      }),
    )
  const int64 = (of: readonly Int32Array[]) => ({
    ...{ type: 'int64' as const, shape: [of.length, 3] },
    data: BigInt64Array.from(
      of.flatMap((row) => [...row]),
      BigInt,
    ),
  })
  const all = {
    tokens: int64(rows.map(({ draft }) => draft)),
    state: int64(rows.map(({ state }) => state)),
    side: { shape: [rows.length], data: Float32Array.from(rows, ({ side }) => side) },
  }
  const task: Task = { model: tableEnergy(), parameters: ['table'], loss: nceLoss('energy'), batch: async () => all }

  test('tends to log p_mu - log q, normalised by itself, and its product law to the joint law', async () => {
    const steps = 150
    const { weights: learned } = await train(task, {
      ...{ runtime, steps, threads: 1 },
      optimizer: { rate: warmupCosine(0.2, steps, 10), decay: 0 },
    })
    const energy = await loadEnergy(runtime, writeModel(bakeParameters(task.model, learned)), card)
    for (const tokens of new Set(rows.map(({ state }) => state))) {
      const exact = optimum(tokens)
      const logs = await weights(energy, tokens)
      const masses = exact.map(({ p }, j) => p * Math.exp(logs[j]))
      const z = masses.reduce((a, b) => a + b)
      expect(Math.abs(Math.log(z))).toBeLessThan(0.01)
      exact.forEach(({ p, energy: best }, j) => void expect(p * Math.abs(logs[j] + best)).toBeLessThan(0.01))
      const gap = exact.reduce((sum, { q }, j) => sum + Math.abs(masses[j] / z - q) / 2, 0)
      expect(gap).toBeLessThan(0.01)
    }
    const draw = async (drafts: number) => {
      const sampler = energySampler({ energy, drafts, steps: 1 })
      const { tokens } = await sampleTokens({ denoiser, sampler, count: 3000, seed: 1 })
      return law.distance(histogram(law, tokens))
    }
    const [one, many] = [await draw(1), await draw(24)]
    expect(many).toBeLessThan(0.25 * one)
    await energy.release()
  })
})

describe('networks as energies', () => {
  test('may give a column and be told the time; what does not fit is refused in one line', async () => {
    const timed = { ...card, inputs: { ...inputs, time: 't' } }
    const load = (options: Parameters<typeof tableEnergy>[0], json: unknown) =>
      loadEnergy(runtime, writeModel(tableEnergy(options)), json)
    const energy = await load({ time: true, column: true }, timed)
    const rows = stackTokens(Array.from({ length: 70 }, () => Int32Array.of(0, 1, 1)))
    const times = Float64Array.from({ length: 70 }, (_, i) => i / 128)
    const logs = await energy.logWeights(rows, rows, 2, new Float64Array(70), times)
    logs.forEach((log, i) => void expect(log).toBeCloseTo(-i / 128, 6))
    await expect(energy.logWeights(rows, rows, 2, new Float64Array(70))).rejects.toThrow('is told the time')
    await expect(energy.logWeights(rows, rows, 5, new Float64Array(70), times)).rejects.toThrow('is of 2 tokens')
    const long = stackTokens([new Int32Array(4)])
    await expect(energy.logWeights(long, long, 2, new Float64Array(1), times)).rejects.toThrow('takes 3 at most')
    // The sampler tells it the time.
    const sampler = energySampler({ energy, steps: 2, drafts: 2 })
    const { tokens } = await sampleTokens({ denoiser, sampler, count: 3, seed: 1 })
    expect(tokens.length).toBe(3)
    await energy.release()
    await expect(load({ time: true }, card)).rejects.toThrow('an input "t" that the card of "table" does not name')
    await expect(load({}, timed)).rejects.toThrow('The graph has no input "t"')
    await expect(load({}, { ...card, output: 'y' })).rejects.toThrow('The graph has no output "y"')
    await expect(load({}, { ...card, type: 'masked', inputs: undefined, output: undefined })).rejects.toThrow(
      'is of the type "masked"',
    )
    await expect(loadEnergy(runtime, writeModel(tableEnergy()), card, { carryOver: true })).rejects.toThrow(
      'is a trained energy',
    )
  })
})
