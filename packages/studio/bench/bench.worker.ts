/**
 * Network evaluations a second of whole runs of the engine beside those of the bare `session.run` at the same batch, in
 * one worker, in turns.
 */

import { localEngine, type RunConfig } from '@espalier/engine'
import { webRuntime } from 'espalier/runtime'
import mjs from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url'
import wasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url'
import * as ort from 'onnxruntime-web/wasm'
import { fetchedSource } from '../src/engine/models.ts'

interface Settings {
  readonly base: string
  readonly configs: Readonly<Record<string, RunConfig>>
  readonly rounds: number
  readonly warmUpSeconds: number
}

async function measure({ base, configs, rounds, warmUpSeconds }: Settings) {
  const files = { mjs: new URL(mjs, self.location.href).href, wasm: new URL(wasm, self.location.href).href }
  const runtime = webRuntime({ files, threads: 1 })
  const source = fetchedSource(base)
  const engine = await localEngine({ runtime, source })
  const first = Object.values(configs)[0]
  const card = await source.card(first.model)
  const event = 'event' in card ? (card.event as number[]) : []
  // The engine sets up the runtime's files; a session of our own is the bare arm.
  const run = async (config: RunConfig) => {
    const id = await engine.start(config)
    for await (const _ of engine.events(id, 0, new AbortController().signal)) {
      // As a page follows it.
    }
    const { nfe, status, error } = await engine.run(id)
    if (status !== 'finished') throw new Error(error ?? status)
    await engine.remove(id)
    return nfe
  }
  await run(first)
  const session = await ort.InferenceSession.create((await source.graph(first.model)) as Uint8Array)
  const n = first.width
  const size = event.reduce((product, d) => product * d, 1)
  const feeds: Record<string, ort.Tensor> = {
    x: new ort.Tensor('float32', new Float32Array(n * size).fill(0.1), [n, ...event]),
    t: new ort.Tensor('float32', new Float32Array(n).fill(0.5), [n]),
    label: new ort.Tensor('float32', new Float32Array(n * 10), [n, 10]),
  }
  const given = Object.fromEntries(session.inputNames.map((name) => [name, feeds[name]]))
  const bare = async () => {
    let nfe = 0
    for (; nfe < first.budget; nfe += n) await session.run(given)
    return nfe
  }
  const arms: Record<string, () => Promise<number>> = { bare }
  for (const [name, config] of Object.entries(configs)) arms[name] = () => run(config)
  const names = Object.keys(arms)
  const perSecond: Record<string, number[]> = Object.fromEntries(names.map((name) => [name, []]))
  const begin = performance.now()
  for (let round = 0; (perSecond.bare?.length ?? 0) < rounds; round++) {
    const warm = performance.now() - begin > 1000 * warmUpSeconds
    for (let i = 0; i < names.length; i++) {
      const name = names[(round + i) % names.length]
      const start = performance.now()
      const nfe = await arms[name]()
      if (warm) perSecond[name].push((1000 * nfe) / (performance.now() - start))
    }
  }
  return perSecond
}

self.onmessage = async ({ data }: MessageEvent<Settings>) => {
  try {
    self.postMessage({ result: await measure(data) })
  } catch (error) {
    self.postMessage({ error: error instanceof Error ? error.message : String(error) })
  }
}
