import { contactSheet, picturesOf as drawn, linePlot } from '@espalier/cli'
import { stack } from 'espalier/tensor'
import type { Files, ReproductionResult } from '../result.ts'
import { fromBytes } from '../support/image-world.ts'
import { figureFiles } from '../support/report.ts'
import { picturesOf } from './experiment.ts'
import { methods } from './methods.ts'
import { bestOfN, error, label, metrics, settings } from './names.ts'

const event = [1, 28, 28]
const names = Object.values(methods).map(({ name }) => name)
/** What is drawn as a line; the rest is in the table. */
const { greedy, narrow, svdd5, dtsStar, fkMax, zeroOrder, forest } = methods
const usual = [methods.bestOfN, greedy, narrow, svdd5, dtsStar, fkMax]
const shownIn = (setting: string) =>
  [...usual, setting === settings.clothes ? forest : zeroOrder].map(({ name }) => name)

/** Reward against NFE for each goal, held-out against optimised reward, and what was found. */
export function figures(result: ReproductionResult): Files {
  const { digit, jpeg, both, noisy, clothes } = settings
  const nfe = (setting: string, metric: string, title: string, y: string) => plot(result, setting, metric, title, y)
  const svgs = figureFiles({
    figure: nfe(digit, metrics.found, `Searched for: log-odds of a ${label}`, 'log-odds'),
    'digit-trade-off': tradeOff(result, digit, `Log-odds of a ${label}: searched for, and what the judge says`),
    jpeg: nfe(jpeg, metrics.found, 'Searched for: few bytes as JPEG', 'minus bytes'),
    'jpeg-spread': nfe(jpeg, metrics.spread, 'Few bytes: how different the 16 best are', 'mean distance of features'),
    both: nfe(both, metrics.found, `Searched for: a ${label} of few bytes`, 'log p - bytes / 100'),
    'both-trade-off': tradeOff(result, both, `A ${label} of few bytes, and whether the judge sees a ${label}`),
    noisy: nfe(noisy, metrics.truth, `A reward with an error of ${error}: what was really found`, 'log-odds'),
    clothes: nfe(clothes, metrics.found, 'Clothes of few bytes as JPEG', 'minus bytes'),
    'clothes-trade-off': tradeOff(result, clothes, 'Clothes of few bytes, and whether the judge knows them'),
  })
  return { ...svgs, ...sheets(result) }
}

function plot({ table, seeds }: ReproductionResult, setting: string, metric: string, title: string, label: string) {
  const rows = table.filter((r) => r.setting === setting && r.metric === metric)
  const series = shownIn(setting).flatMap((name) => {
    const points = rows
      .filter(({ method }) => method === name)
      .map(({ nfe, mean, low, high }) => ({ x: nfe, y: mean, low, high }))
    return points.length === 0 ? [] : [{ name, points, dashed: name === bestOfN }]
  })
  if (series.length === 0) return undefined
  return linePlot({
    ...{ title, series, y: { label } },
    subtitle: `10 steps a sample; mean and 95%, ${seeds.length} seeds`,
    x: { label: 'NFE a search', log: true },
  })
}

/** Methods at their largest budget: what they found against what the judge says of it. */
function tradeOff({ table, seeds }: ReproductionResult, setting: string, title: string) {
  const last = (method: string, metric: string) =>
    table.filter((r) => r.setting === setting && r.method === method && r.metric === metric).at(-1)
  const series = shownIn(setting).flatMap((name) => {
    const [found, held] = [last(name, metrics.found), last(name, metrics.held)]
    return found && held ? [{ name, points: [{ x: found.mean, y: held.mean }] }] : []
  })
  if (series.length === 0) return undefined
  const subtitle = `Means of ${seeds.length} seeds, each method at its largest budget`
  return linePlot({
    title,
    subtitle,
    x: { label: 'reward found' },
    y: { label: 'held-out judge' },
    series,
    height: 460,
  })
}

/** The best of each seed at the second budget, one row a method; only where a run has just ended. */
function sheets(result: ReproductionResult): Files {
  const cells = picturesOf(result)
  const files: Record<string, Uint8Array> = {}
  for (const name of ['digit', 'jpeg', 'clothes'] as const) {
    const setting = settings[name]
    const rows = result.table.filter((r) => r.setting === setting && r.metric === metrics.found)
    if (!cells || rows.length === 0) continue
    const budget = cells.budgets({ method: bestOfN, setting })[1]
    const groups = names
      .filter((method) => cells.budgets({ method, setting }).includes(budget))
      .map((method) => {
        const outcomes = cells.outcomes({ method, setting, budget })
        const data = outcomes.map(({ pictures = [] }) => fromBytes(pictures[0], event).data)
        const pictures = drawn(stack(data, event)).map((picture, i) => ({
          ...picture,
          caption: outcomes[i].values[metrics.found].toFixed(name === 'digit' ? 1 : 0),
        }))
        return { label: method, pictures }
      })
    files[`${name}-sheet.png`] = contactSheet(groups, { title: `${setting}: found with ${budget} NFE`, scale: 2 })
  }
  return files
}
