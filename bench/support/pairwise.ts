import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { basename } from 'node:path'

/** Times in ms of each arm, one per round; in a round every arm runs once, in an order that rotates. */
export type Timings<Arm extends string> = Readonly<Record<Arm, readonly number[]>>

/**
 * Runs the arms against each other in one process, so that whatever disturbs the machine disturbs all of them.
 *
 * @param options.warmUp rounds that are run and thrown away
 * @param options.clock what is measured, in ms. Default wall time
 */
export async function pairwise<Arm extends string>(
  arms: Readonly<Record<Arm, () => Promise<unknown>>>,
  options: { readonly rounds: number; readonly warmUp: number; readonly clock?: () => number },
): Promise<Timings<Arm>> {
  const { rounds, warmUp, clock = () => performance.now() } = options
  const names = Object.keys(arms) as Arm[]
  const timings = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Arm, number[]>
  for (let round = 0; round < warmUp + rounds; round++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(round + i) % names.length]
      const start = clock()
      await arms[name]()
      if (round >= warmUp) timings[name].push(clock() - start)
    }
  }
  return timings
}

/** CPU time in ms that this process has used, all threads together: what other work on the machine does not change. */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

export interface Summary {
  readonly median: number
  readonly lowest: number
  readonly highest: number
  readonly rounds: number
}

/**
 * Median and range of the ratio of two arms' times, round by round; and the ratio of their fastest rounds, which
 * other work on the machine disturbs least.
 */
export function ratio<Arm extends string>(
  timings: Timings<Arm>,
  of: Arm,
  to: Arm,
): Summary & { readonly ofFastest: number } {
  const fastest = Math.min(...timings[of]) / Math.min(...timings[to])
  return { ...summary(timings[of].map((time, round) => time / timings[to][round])), ofFastest: short(fastest) }
}

const short = (value: number) => Number(value.toPrecision(4))

export function summary(values: readonly number[]): Summary {
  const sorted = [...values].sort((p, q) => p - q)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  return { median: short(median), lowest: short(sorted[0]), highest: short(sorted.at(-1)!), rounds: values.length }
}

/** Writes `bench/results/<name>.json` and prints it. */
export function report(name: string, results: Readonly<Record<string, unknown>>): void {
  const body = {
    command: `npm run bench -- ${basename(name)}`,
    machine: {
      platform: process.platform,
      arch: process.arch,
      cores: availableParallelism(),
      node: process.version,
      // What else ran: a ratio taken on busy cores is worth less.
      loadBefore: startLoad,
    },
    ...results,
  }
  const folder = new URL('../../results/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(body, null, 2)}\n`)
  console.log(JSON.stringify(body, null, 2))
}

const startLoad = Number(loadavg()[0].toFixed(2))
