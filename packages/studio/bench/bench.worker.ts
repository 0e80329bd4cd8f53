/**
 * Network evaluations a second of whole runs of the engine, beside bare `session.run` on the very same rows: in one
 * worker, in turns.
 */

import { localEngine, type RunConfig } from '@espalier/engine'
import { type Runtime, type RuntimeTensor, type Session, webRuntime } from 'espalier/runtime'
import mjs from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url'
import wasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url'
import * as ort from 'onnxruntime-web/wasm'
import { fetchedSource } from '../src/engine/models.ts'

export interface Settings {
  readonly base: string
  readonly configs: Readonly<Record<string, RunConfig>>
  readonly rounds: number
  readonly warmUpSeconds: number
  readonly threads: number
}

/** One measurement of an arm. */
export interface Reading {
  readonly nfe: number
  /** Milliseconds in all, and in calls of the network. */
  readonly time: number
  readonly inCalls: number
  readonly calls: number
  /** Milliseconds before the first call: the network is opened. Not part of `time`. */
  readonly opening: number
}

/** A runtime that measures its calls, and keeps how many rows each had. */
function measured(runtime: Runtime) {
  const seen = { rows: [] as number[], time: 0, first: 0 }
  const load = async (...given: Parameters<Runtime['load']>): Promise<Session> => {
    const session = await runtime.load(...given)
    return {
      ...session,
      async run(feeds, fetches) {
        const start = performance.now()
        const result = await session.run(feeds, fetches)
        seen.time += performance.now() - start
        if (seen.rows.length === 0) seen.first = start
        seen.rows.push((feeds[session.inputs[0].name] as RuntimeTensor).shape[0])
        return result
      },
    }
  }
  return { runtime: { ...runtime, load }, seen }
}

/**
 * Readings of every config: whole runs (`run`), and the bare network on calls with as many rows each (`bare`) and on
 * as many rows in calls of the config's width (`full`).
 */
async function measure({ base, configs, rounds, warmUpSeconds, threads }: Settings) {
  const files = { mjs: new URL(mjs, self.location.href).href, wasm: new URL(wasm, self.location.href).href }
  const { runtime, seen } = measured(webRuntime({ files, threads }))
  const source = fetchedSource(base, ['mnist-small', 'mnist'])
  const engine = await localEngine({ runtime, source })
  const sessions = new Map<string, { session: ort.InferenceSession; event: readonly number[] }>()

  const whole = async (config: RunConfig): Promise<Reading> => {
    seen.rows = []
    seen.time = 0
    const start = performance.now()
    const id = await engine.start(config)
    for await (const _ of engine.events(id, 0, new AbortController().signal)) {
      // As a page follows it.
    }
    const end = performance.now()
    const { nfe, status, error } = await engine.run(id)
    if (status !== 'finished') throw new Error(error ?? status)
    await engine.remove(id)
    return { nfe, time: end - seen.first, inCalls: seen.time, calls: seen.rows.length, opening: seen.first - start }
  }
  const bare = async ({ model }: RunConfig, rows: readonly number[]): Promise<Reading> => {
    const { session, event } = sessions.get(model)!
    const size = event.reduce((product, d) => product * d, 1)
    const feedsOf = (n: number) => {
      const feeds: Record<string, ort.Tensor> = {
        x: new ort.Tensor('float32', new Float32Array(n * size).fill(0.1), [n, ...event]),
        t: new ort.Tensor('float32', new Float32Array(n).fill(0.5), [n]),
        label: new ort.Tensor('float32', new Float32Array(n * 10), [n, 10]),
      }
      return Object.fromEntries(session.inputNames.map((name) => [name, feeds[name]]))
    }
    const feeds = new Map([...new Set(rows)].map((n) => [n, feedsOf(n)]))
    const start = performance.now()
    for (const n of rows) await session.run(feeds.get(n)!)
    const time = performance.now() - start
    return { nfe: rows.reduce((sum, n) => sum + n, 0), time, inCalls: time, calls: rows.length, opening: 0 }
  }

  const readings: Record<string, Record<'run' | 'bare' | 'full', Reading[]>> = {}
  const rowsOf: Record<string, readonly number[]> = {}
  for (const [name, config] of Object.entries(configs)) {
    await whole(config)
    rowsOf[name] = seen.rows
    readings[name] = { run: [], bare: [], full: [] }
    if (sessions.has(config.model)) continue
    const card = await source.card(config.model)
    // The engine has set up the runtime's files; a session of our own is the bare arm.
    const session = await ort.InferenceSession.create((await source.graph(config.model)) as Uint8Array)
    sessions.set(config.model, { session, event: 'event' in card ? (card.event as readonly number[]) : [] })
  }
  const arms = Object.entries(configs).flatMap(([name, config]) => {
    const { width, budget } = config
    const full = Array.from({ length: Math.ceil(budget / width) }, () => width)
    return [
      { name, arm: 'run', measure: () => whole(config) },
      { name, arm: 'bare', measure: () => bare(config, rowsOf[name]) },
      { name, arm: 'full', measure: () => bare(config, full) },
    ] as const
  })
  const begin = performance.now()
  for (let round = 0, kept = 0; kept < rounds; round++) {
    const warm = performance.now() - begin > 1000 * warmUpSeconds
    for (let i = 0; i < arms.length; i++) {
      const { name, arm, measure } = arms[(round + i) % arms.length]
      const reading = await measure()
      if (warm) readings[name][arm].push(reading)
    }
    if (warm) kept++
  }
  return readings
}

self.onmessage = async ({ data }: MessageEvent<Settings>) => {
  try {
    self.postMessage({ result: await measure(data) })
  } catch (error) {
    self.postMessage({ error: error instanceof Error ? error.message : String(error) })
  }
}
