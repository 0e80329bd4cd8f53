/** `espalier compare --methods`: searches for the same rewards, on the same seeds, at the same budgets. */

import { type ComparisonRow, compareSearches, paretoFront, Results } from 'espalier/measure'
import { nodeRuntime } from 'espalier/node'
import type { Reward } from 'espalier/reward'
import { type ChainKind, searchFrom } from 'espalier/search'
import { messageOf, UserError } from './errors.ts'
import { interruptible } from './interrupt.ts'
import { progressLine } from './progress.ts'
import { formatInterval, formatNumber, linePlot, svgToPng, type Table, tableToText } from './report/index.ts'
import { RunFolder } from './run-folder.ts'
import { openSubject } from './search-metrics.ts'
import { shellLine } from './shell-line.ts'
import type { Steering, SteerSettings } from './steering.ts'
import type { TextSteerSettings } from './text-steering.ts'
import { slug } from './trial-files.ts'

/** A row of the table, and of `comparison.json`. */
interface SearchRow extends ComparisonRow {
  /** Whether no other row of its reward and metric has a better mean for as few NFE; not asked where more is not simply better. */
  readonly front?: boolean
}

export interface CompareSearchesRun {
  /** Its `budget` is the smallest of the budgets. */
  readonly settings: SteerSettings | TextSteerSettings
  readonly budgets: readonly number[]
  /** A reward that the searches do not see; of text an autoregressive model too. */
  readonly judge?: string
  readonly out?: string
  readonly json: boolean
}

/** @throws UserError for what the user can put right, a model or a reward that fails included */
export async function runCompareSearches({ settings, budgets, judge, out, json }: CompareSearchesRun): Promise<void> {
  const { methods, rewards, seeds, width, budget: _, ...rest } = settings
  const runtime = nodeRuntime()
  const progress = progressLine()
  try {
    const { steering, metrics, unranked } = await openSubject(runtime, settings, judge)
    const configuration = { ...settings, budgets, judge }
    const line = shellLine('compare', { ...rest, methods: methods.join(','), reward: rewards, judge, budgets, seeds })
    const folder = RunFolder.create({ command: 'compare', out, line, configuration, seeds })
    await folder.during(async () => {
      const results = new Results(seeds)
      const began = performance.now()
      const interrupt = interruptible((text) => progress.say(text))
      const tasks = rewards.map((name) => ({
        name,
        lambda: settings.lambda,
        reward: steering.rewards.get(name) as Reward<unknown>,
        chain: (_: ChainKind, text: string) => steering.chain(searchFrom(text), name),
      }))
      let failure: unknown
      await compareSearches(
        { tasks, methods, budgets, metrics, width },
        results,
        (done, what) => progress.show(() => `${Math.floor(100 * done)}%  ${what}`),
        interrupt.signal,
      )
        .catch((error) => {
          if (!interrupt.signal.aborted) failure = error
        })
        .finally(() => interrupt.release())
      progress.clear()
      const rows = withFronts(results.rows(), unranked)
      const files = writeFiles(folder, steering, rows, settings)
      if (failure) {
        throw new UserError(`compare: ${messageOf(failure)} (what was found before is in ${folder.path})`, {
          cause: failure,
        })
      }
      const status = interrupt.signal.aborted ? ('stopped' as const) : ('done' as const)
      const result = { status, folder: folder.path, rows, seconds: (performance.now() - began) / 1000, files }
      if (json) process.stdout.write(`${JSON.stringify(result)}\n`)
      else {
        const list = files.map((file) => `  ${folder.path}/${file}\n`).join('')
        process.stdout.write(`${tableToText(tableOf(rows, rewards.length > 1))}\n${notes(rows)}${list}`)
      }
      return result
    })
  } finally {
    progress.clear()
    await runtime.close()
  }
}

/** Rows of a reward and a metric stand against each other, but for metrics of which more is not simply better. */
function withFronts(rows: readonly ComparisonRow[], unranked: ReadonlySet<string>): SearchRow[] {
  return rows.map((row) => {
    if (unranked.has(row.metric)) return row
    const rivals = rows.filter(({ setting, metric }) => setting === row.setting && metric === row.metric)
    // A mean over fewer seeds than the others' is no match for theirs.
    const on = paretoFront(rivals.map(({ nfe: cost, mean, never }) => ({ cost, value: never ? -Infinity : mean })))
    return { ...row, front: on[rivals.indexOf(row)] }
  })
}

function notes(rows: readonly SearchRow[]): string {
  const front = 'front: no other row of the metric has a better mean for as few NFE.\n'
  if (rows.every(({ never }) => !never)) return front
  return `${front}never: seeds whose value is -Infinity. They are left out of the mean, and their row is not on the front.\n`
}

function tableOf(rows: readonly SearchRow[], several: boolean): Table {
  const right = true
  const never = rows.some((row) => row.never)
  return {
    columns: [
      ...(several ? [{ name: 'reward' }] : []),
      { name: 'metric' },
      { name: 'NFE', right },
      { name: 'method' },
      { name: 'mean [95%]', right },
      ...(never ? [{ name: 'never', right }] : []),
      { name: 'front' },
      { name: 'gradients', right },
      { name: 'reward evals', right },
    ],
    rows: [...rows]
      .sort((p, q) => p.setting.localeCompare(q.setting) || p.metric.localeCompare(q.metric) || p.nfe - q.nfe)
      .map((row) => [
        ...(several ? [row.setting] : []),
        ...[row.metric, formatNumber(row.nfe), row.method, formatInterval(row)],
        ...(never ? [row.never ? `${row.never} of ${row.n + row.never}` : ''] : []),
        row.front ? 'yes' : '',
        ...[formatNumber(row.gradientEvaluations), formatNumber(row.rewardEvaluations)],
      ]),
  }
}

/** For each reward and metric a plot against the budget, with its Pareto front. @returns the files written */
function writeFiles(
  folder: RunFolder,
  { model, pace }: Steering,
  rows: readonly SearchRow[],
  { methods, rewards, seeds }: SteerSettings | TextSteerSettings,
): string[] {
  const files = ['comparison.json']
  folder.write('comparison.json', `${JSON.stringify(rows, null, 2)}\n`)
  for (const reward of rewards) {
    for (const metric of new Set(rows.map((row) => row.metric))) {
      const all = rows.filter((row) => row.setting === reward && row.metric === metric)
      // Of what never found anything there is nothing to draw.
      const shown = all.filter(({ mean }) => mean > -Infinity)
      const front = shown.filter((row) => row.front).map(({ nfe: x, mean: y }) => ({ x, y }))
      const never = all.reduce((sum, row) => sum + (row.never ?? 0), 0)
      const series = methods
        .map((name) => ({
          name,
          points: shown
            .filter((row) => row.method === name)
            .map(({ nfe: x, mean: y, low, high, never = 0 }) => ({ x, y, low, high, hollow: never > 0 })),
        }))
        .filter(({ points }) => points.length > 0)
      if (series.length === 0) continue
      const svg = linePlot({
        title: `${metric}, searching ${model.name} for ${reward}`,
        subtitle:
          `${seeds.length} seeds, ${pace}; mean and 95% interval.` +
          (front.length > 0
            ? ' Ringed, on the dotted staircase: the Pareto front, where no other is better for as few NFE.'
            : '') +
          (never > 0 ? ` Hollow: without the seeds at -Infinity (${never} searches).` : ''),
        x: { label: 'NFE of a search', log: true },
        y: { label: metric },
        ...{ series, front },
      })
      const name = slug(`${metric} ${rewards.length > 1 ? reward : ''}`).toLowerCase()
      folder.write(`${name}.svg`, svg)
      folder.write(`${name}.png`, svgToPng(svg))
      files.push(`${name}.svg`, `${name}.png`)
    }
  }
  return files
}
