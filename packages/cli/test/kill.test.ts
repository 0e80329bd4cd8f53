/** Kill -9 at twenty random moments of `espalier steer`: what is on the disk goes on to the result of a run left alone. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readTree, type SavedSearch, writeTree } from 'espalier/search'
import { key, readSafetensors, stream } from 'espalier/tensor'
import { describe, expect, it } from 'vitest'
import { run, scratch, start } from './cli.ts'

const folder = scratch()
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const path = (...names: string[]) => join(folder.path, ...names)

const line = (method: string, out: string) => [
  ...['steer', '--model', 'world.json', '--reward', 'near:2,0', '--steps', '10', '--budget', '6000', '--seed', '3'],
  ...['--method', method, '--checkpoint-every', '0', '--out', out],
]

interface Event {
  readonly type: string
  readonly nfe?: number
}

const events = (out: string): Event[] => {
  const file = path(out, 'events.jsonl')
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n')
  // The last line may be on its way.
  return lines.slice(0, -1).map((text) => JSON.parse(text))
}

const fileOf = (out: string, end: string) => {
  const searches = path(out, 'searches')
  const found = existsSync(searches)
    ? readdirSync(searches).filter((name) => !name.startsWith('.') && name.endsWith(end))
    : []
  return found.length === 1 ? join(searches, found[0]) : undefined
}

const treeOf = (out: string): SavedSearch | undefined => {
  const file = fileOf(out, '.tree.safetensors')
  return file && readTree(readFileSync(file)).saved
}

/** Waits for `what` as long as the process lives. */
async function until(alive: () => boolean, what: () => boolean): Promise<void> {
  while (alive() && !what()) await pause(2)
}

describe.concurrent('a tree search that is killed ten times', () => {
  it.each([
    { method: 'dts(alpha=0.5,readOut=weighted,states=float16)', seed: 1 },
    { method: 'dts-star(alpha=0.5,states=recompute)', seed: 2 },
  ])(
    'ends with the bytes of one that was left alone: $method',
    async ({ method, seed }) => {
      const draws = stream(key(seed))
      const [whole, killed] = [`whole-${seed}`, `killed-${seed}`]
      const untouched = run(line(method, whole), folder.path)
      let kills = 0
      let early = 0
      const before = { nfe: 0, events: 0 }
      for (let attempt = 0; attempt < 10; attempt++) {
        const resumed = existsSync(path(killed, 'run.json'))
        const { child, ended } = start(
          resumed ? ['steer', '--resume', killed, '--checkpoint-every', '0'] : line(method, killed),
          folder.path,
        )
        let alive = true
        ended.then(() => {
          alive = false
        })
        before.events = events(killed).length
        if (draws.uniform() < 0.3 && resumed) await pause(500 * draws.uniform())
        else {
          // Somewhere between this checkpoint and the next, a write of a file included.
          const checkpoints = draws.integer(8)
          const seen = () =>
            events(killed)
              .slice(before.events)
              .filter(({ type }) => type === 'checkpoint').length
          await until(
            () => alive,
            () => existsSync(path(killed, 'run.json')) && seen() >= checkpoints,
          )
          await pause(12 * draws.uniform())
        }
        child.kill('SIGKILL')
        const { signal } = await ended
        if (signal === 'SIGKILL') kills++
        // What is there is whole, and has all that was told at the last checkpoint, but for the 16 rollouts that were under
        // way: of 10 NFE each, up to twice as much where states are walked to again.
        const told =
          events(killed)
            .filter(({ type }) => type === 'checkpoint')
            .at(-1)?.nfe ?? 0
        const saved = treeOf(killed)?.account.nfe ?? 0
        expect(saved).toBeGreaterThanOrEqual(told - 16 * 20)
        expect(saved).toBeGreaterThanOrEqual(before.nfe)
        before.nfe = saved
        if (saved === 0) early++
      }
      expect(kills).toBeGreaterThanOrEqual(9)
      expect(early).toBeLessThan(8)
      const last = await run(['steer', '--resume', killed], folder.path)
      expect(last.stderr).toBe('')
      expect(last.code).toBe(0)
      expect((await untouched).code).toBe(0)
      const bytes = (out: string) => writeTree(treeOf(out) as SavedSearch)
      expect(Buffer.from(bytes(killed)).equals(Buffer.from(bytes(whole)))).toBe(true)
      const samples = (out: string) => readFileSync(fileOf(out, 'seed-3.safetensors') as string)
      expect(samples(killed).equals(samples(whole))).toBe(true)
      expect(readSafetensors(samples(whole)).tensors.rewards.data.length).toBeGreaterThan(500)
    },
    240_000,
  )
})
