/** What a comparison of searches shows: table, curve, pictures, page. */

import { type Interval, mean95, pairedDifference95 } from 'espalier/measure'
import { type SearchResult, searchFrom } from 'espalier/search'
import { categorical, key, purpose, stack, stream, type Tensor } from 'espalier/tensor'
import {
  contactSheet,
  formatDuration,
  formatInterval,
  formatNumber,
  isImageShape,
  type LinePlotOptions,
  linePlot,
  type Picture,
  type PictureGroup,
  picturesOf,
  pictureToPng,
  type ReportSection,
  type ReportTexts,
  renderReport,
  scatterPlot,
  svgToPng,
  type Table,
  tableToText,
  traceBand,
} from './report/index.ts'
import type { RunFolder } from './run-folder.ts'
import type { Trial } from './steering.ts'
import { jsonRows, oneLine } from './text-files.ts'
import { slug } from './trial-files.ts'

/** Trials for one reward: one or more methods, each on the same seeds, at the same budget. */
export interface Comparison {
  /** The reward as it was asked for. */
  readonly reward: string
  /** What it means, in a few words. */
  readonly about?: string
  readonly budget: number
  readonly trials: readonly Trial[]
}

export interface SteeringReport {
  readonly title: string
  readonly lead: string
  readonly facts: readonly (readonly [string, string])[]
  readonly comparisons: readonly Comparison[]
  readonly range?: readonly [number, number]
  /** A sample as text, where it is one. */
  readonly spell?: Spell
  readonly command: string
  readonly configuration: unknown
}

type Spell = (sample: Tensor) => string

/** The numbers of one method over its seeds. */
export interface MethodSummary {
  readonly method: string
  readonly seeds: readonly number[]
  readonly best: Interval
  readonly nfe: number
  readonly gradientEvaluations: number
  readonly rewardEvaluations: number
  readonly seconds: number
}

/** Best reward over seeds with its 95% interval; costs are means per seed. Seeds that found nothing are left out. */
export function summarise(trials: readonly Trial[]): MethodSummary[] {
  const found = trials.filter(({ result }) => result.best >= 0)
  return methodsOf(found).map((method) => {
    const own = found.filter((trial) => trial.method === method)
    const average = (pick: (trial: Trial) => number) => own.reduce((sum, t) => sum + pick(t), 0) / own.length
    return {
      method,
      seeds: own.map(({ seed }) => seed),
      best: mean95(own.map(({ result }) => bestReward(result))),
      nfe: Math.round(average(({ result }) => result.nfe)),
      gradientEvaluations: Math.round(average(({ result }) => result.gradientEvaluations)),
      rewardEvaluations: Math.round(average(({ result }) => result.rewardEvaluations)),
      seconds: average(({ seconds }) => seconds),
    }
  })
}

/** Rows per method; below them the paired differences to the last method, where there are several. */
export function summaryTable(trials: readonly Trial[]): Table {
  const summaries = summarise(trials)
  const rows = summaries.map((s) => [
    s.method,
    formatInterval(s.best),
    formatNumber(s.nfe),
    formatNumber(s.gradientEvaluations),
    formatNumber(s.rewardEvaluations),
    formatDuration(s.seconds),
  ])
  for (const { label, interval } of differencesOf(trials)) rows.push([label, formatInterval(interval), '', '', '', ''])
  const right = true
  return {
    columns: [
      { name: 'method' },
      { name: 'best reward [95%]', right },
      { name: 'NFE', right },
      { name: 'gradients', right },
      { name: 'reward evals', right },
      { name: 'wall', right },
    ],
    rows,
  }
}

/** Each method against the last one, on the seeds that both have. */
function differencesOf(trials: readonly Trial[]): { label: string; interval: Interval }[] {
  const found = trials.filter(({ result }) => result.best >= 0)
  const names = methodsOf(found)
  const last = names[names.length - 1]
  const rewards = (name: string) =>
    new Map(found.filter(({ method }) => method === name).map(({ seed, result }) => [seed, bestReward(result)]))
  return names.slice(0, -1).flatMap((name) => {
    const [a, b] = [rewards(name), rewards(last)]
    const both = [...a.keys()].filter((seed) => b.has(seed))
    if (both.length < 2) return []
    const values = (of: ReadonlyMap<number, number>) => both.map((seed) => of.get(seed) as number)
    return [{ label: `${name} minus ${last}`, interval: pairedDifference95(values(a), values(b)) }]
  })
}

/**
 * Writes pictures, curves and the page into a run's folder.
 *
 * @returns the files written, relative to the folder, the page last; nothing if no seed found anything
 */
export function writeSteeringReport(folder: RunFolder, report: SteeringReport): string[] {
  const files: string[] = []
  const write = (name: string, data: Uint8Array | string) => {
    folder.write(name, data)
    files.push(name)
  }
  const sections: ReportSection[] = []
  for (const comparison of report.comparisons) {
    const trials = comparison.trials.filter(({ result }) => result.best >= 0)
    if (trials.length === 0) continue
    const suffix = report.comparisons.length > 1 ? `-${slug(comparison.reward)}` : ''
    const plot = rewardPlot(comparison.reward, trials)
    if (plot) {
      const svg = linePlot(plot)
      write(`reward-against-nfe${suffix}.svg`, svg)
      write(`reward-against-nfe${suffix}.png`, svgToPng(svg))
    }
    const event = trials[0].result.candidates[0].sample.shape
    const { spell } = report
    const texts = spell ? textGroups(trials, spell, 32) : []
    if (spell) write(`texts${suffix}.json`, textsJson(trials, spell))
    const groups = report.range && isImageShape(event) ? pictureGroups(trials, report.range) : []
    if (groups.length > 0) {
      const title = `${comparison.reward}: ${groups.length > 1 ? 'best of each seed' : 'what was found'}`
      write(`contact-sheet${suffix}.png`, contactSheet(groups, { title }))
    }
    const planar = !spell && event.length === 1 && event[0] === 2
    const scatter = planar ? { title: `Samples for ${comparison.reward}`, series: clouds(trials) } : undefined
    if (scatter) {
      const svg = scatterPlot(scatter)
      write(`samples${suffix}.svg`, svg)
      write(`samples${suffix}.png`, svgToPng(svg))
    }
    sections.push({
      heading: `Reward ${comparison.reward}`,
      text: comparison.about && `The reward is the ${comparison.about}.`.replace('the minus the', 'minus the'),
      table: summaryTable(trials),
      plot,
      scatter,
      texts,
      pictures: groups.map(({ label, pictures }) => ({
        label,
        pictures: pictures.map((picture, i) => ({
          png: pictureToPng(picture, Math.max(1, Math.floor(84 / picture.width))),
          alt: `${label ?? 'sample'}, picture ${i + 1}, reward ${picture.caption}`,
          caption: picture.caption,
        })),
      })),
    })
  }
  if (sections.length === 0) return []
  const { title, lead, facts, command, configuration } = report
  write('report.html', renderReport({ title, lead, facts, sections, command, configuration }))
  return files
}

/** The tables as text, each under the name of its reward. */
export function printComparisons(comparisons: readonly Comparison[]): string {
  return comparisons
    .filter(({ trials }) => trials.some(({ result }) => result.best >= 0))
    .map(({ reward, about, trials }) => {
      const seeds = new Set(trials.map(({ seed }) => seed)).size
      const heading = `reward ${reward}${about ? ` (${about})` : ''}, ${seeds} ${seeds === 1 ? 'seed' : 'seeds'}`
      return `${heading}\n${tableToText(summaryTable(trials))}\n`
    })
    .join('\n')
}

/** The best texts: of each method where there are several searches, else so many of the only one. */
export function printTexts(comparisons: readonly Comparison[], spell: Spell, count = 4): string {
  return comparisons
    .flatMap(({ trials }) => textGroups(trials, spell, count))
    .map(({ label, texts }) => `${label}\n${texts.map(({ text, note }) => `${note}  ${oneLine(text)}\n`).join('')}`)
    .join('\n')
}

/** As {@link pictureGroups}, each text once. */
function textGroups(trials: readonly Trial[], spell: Spell, count: number): ReportTexts[] {
  const found = trials.filter(({ result }) => result.best >= 0)
  const entry = ({ result }: Trial, i: number) => {
    const { sample, reward } = result.candidates[i]
    return { text: spell(sample), note: formatNumber(reward) }
  }
  if (found.length === 1) {
    const [trial] = found
    const order = isSampler(trial) ? byWeight(trial, 16 * count) : byReward(trial, trial.result.candidates.length)
    const texts = new Map<string, { readonly text: string; readonly note: string }>()
    for (const i of order) {
      if (texts.size === count) break
      const one = entry(trial, i)
      if (!texts.has(one.text)) texts.set(one.text, one)
    }
    const label = isSampler(trial) ? 'drawn by weight' : `largest ${trial.reward}`
    return [{ label, texts: [...texts.values()] }]
  }
  return methodsOf(found).map((method) => ({
    label: `${method}, best of each seed`,
    texts: found.filter((trial) => trial.method === method).map((trial) => entry(trial, trial.result.best)),
  }))
}

/** All texts of all searches, the largest rewards first. */
function textsJson(trials: readonly Trial[], spell: Spell): string {
  const rows = trials.flatMap(({ method, seed, result }) =>
    result.candidates.map(({ sample, reward, weight }) => ({
      ...{ method, seed, reward: Number.isFinite(reward) ? reward : null, weight },
      ...{ text: spell(sample), tokens: Array.from(sample.data) },
    })),
  )
  rows.sort((p, q) => (q.reward ?? -Infinity) - (p.reward ?? -Infinity) || 0)
  return jsonRows(rows)
}

export function bestReward(result: SearchResult<Tensor>): number {
  return result.best < 0 ? Number.NEGATIVE_INFINITY : result.candidates[result.best].reward
}

function rewardPlot(reward: string, trials: readonly Trial[]): LinePlotOptions | undefined {
  const seeds = new Set(trials.map(({ seed }) => seed)).size
  const series = methodsOf(trials).flatMap((method) => {
    const own = trials.filter((trial) => trial.method === method)
    const points = traceBand(own.map(({ result }) => result.trace))
    return points.length > 0 ? [{ name: method, points }] : []
  })
  if (series.length === 0) return undefined
  return {
    title: `Best ${reward} against network evaluations`,
    subtitle: seeds > 1 ? `mean of ${seeds} seeds, 95% interval` : `seed ${trials[0].seed}`,
    x: { label: 'network evaluations (NFE)', log: true },
    y: { label: 'best reward so far' },
    series,
    curve: 'step',
  }
}

/** One method, one seed: many of its candidates. Otherwise one row per method: the best of each seed. */
function pictureGroups(trials: readonly Trial[], range: readonly [number, number]): PictureGroup[] {
  const draw = (trial: Trial, indices: readonly number[]): Picture[] => {
    const chosen = indices.map((i) => trial.result.candidates[i])
    const { shape } = chosen[0].sample
    const batch = stack(
      chosen.map(({ sample }) => sample.data),
      shape,
    )
    return picturesOf(batch, range).map((picture, i) => ({
      ...picture,
      caption: formatNumber(chosen[i].reward),
      marked: trials.length === 1 && indices[i] === trial.result.selected,
    }))
  }
  if (trials.length === 1) {
    const [trial] = trials
    const label = isSampler(trial) ? 'drawn by weight' : 'largest rewards; the method selects the framed one'
    return [{ label, pictures: draw(trial, isSampler(trial) ? byWeight(trial, 32) : byReward(trial, 32)) }]
  }
  return methodsOf(trials).map((method) => ({
    label: method,
    pictures: trials.filter((t) => t.method === method).flatMap((trial) => draw(trial, [trial.result.best])),
  }))
}

function clouds(trials: readonly Trial[]) {
  return methodsOf(trials).map((method) => ({
    name: method,
    points: trials
      .filter((trial) => trial.method === method)
      .flatMap((trial) => {
        const indices = isSampler(trial) ? byWeight(trial, 1000) : byReward(trial, 1000)
        return indices.map((i) => trial.result.candidates[i].sample.data)
      })
      .map(([x, y]) => ({ x, y })),
  }))
}

/** Whether the method's answer is a law (draws by weight), not a maximum. */
function isSampler({ method }: Trial): boolean {
  return searchFrom(method).goal === 'samples'
}

function byReward({ result }: Trial, count: number): number[] {
  const order = result.candidates.map((_, i) => i)
  order.sort((a, b) => result.candidates[b].reward - result.candidates[a].reward)
  return order.slice(0, count)
}

function byWeight({ result, seed }: Trial, count: number): number[] {
  const draws = stream(purpose(key(seed), 'report'))
  const weights = result.candidates.map(({ weight }) => weight)
  return Array.from({ length: count }, () => categorical(draws.uniform(), weights))
}

function methodsOf(trials: readonly Trial[]): string[] {
  return [...new Set(trials.map(({ method }) => method))]
}
