import { contactSheet, picturesOf as drawn, linePlot } from '@espalier/cli'
import { stack } from 'espalier/tensor'
import type { Files, ReproductionResult, ReproductionRow } from '../result.ts'
import { fromBytes } from '../support/image-world.ts'
import { figureFiles } from '../support/report.ts'
import { picturesOf } from './experiment.ts'
import { samples } from './methods.ts'
import { metrics, names, settings } from './names.ts'

const event = [1, 28, 28]
/** NFE of a run, ten times a plain sample: what sheets and trade-offs show. */
const shown = 3200
const lines = [names.bestOfN, names.svdd, names.smc, names.replacing, names.learned, names.dps]
const everyone = Object.values(names)

/** Reward, diversity and the judge against NFE, reward against diversity, and what was drawn. */
export function figures(result: ReproductionResult): Files {
  const { jpeg, ink, clothes } = settings
  return {
    ...figureFiles({
      figure: plot(result, jpeg, metrics.median, 'Digits of few bytes as JPEG: the median'),
      spread: plot(result, jpeg, metrics.spread, 'Digits of few bytes: how different they are'),
      'trade-off': tradeOff(result, jpeg, 'Digits of few bytes: reward and diversity'),
      ink: plot(result, ink, metrics.median, 'Digits with 30 % ink: the median'),
      'ink-judge': plot(result, ink, metrics.sure, 'Digits with 30 % ink: are they still digits?'),
      clothes: plot(result, clothes, metrics.median, 'Clothes of few bytes as JPEG: the median'),
    }),
    ...sheets(result),
  }
}

function plot({ table, seeds }: ReproductionResult, setting: string, metric: string, title: string) {
  const rows = table.filter((r) => r.setting === setting && r.metric === metric)
  const series = lines.flatMap((name) => {
    const points = rows
      .filter(({ method }) => method === name)
      .map(({ nfe, mean, low, high }) => ({ x: nfe / samples, y: mean, low, high }))
    return points.length === 0 ? [] : [{ name, points, dashed: name === names.bestOfN }]
  })
  if (series.length === 0) return undefined
  return linePlot({
    ...{ title, series, y: { label: metric } },
    subtitle: `${samples} samples a run; mean and 95%, ${seeds.length} seeds`,
    x: { label: 'NFE a kept sample', log: true },
  })
}

const distance = (nfe: number) => Math.abs(Math.log(nfe / shown))

/** Every method at ten times a plain sample, or as near as it was run. */
function tradeOff({ table, seeds }: ReproductionResult, setting: string, title: string) {
  const last = (method: string, metric: string) =>
    table
      .filter((r) => r.setting === setting && r.method === method && r.metric === metric && r.nfe <= 2 * shown)
      .reduce<ReproductionRow | undefined>(
        (best, r) => (best && distance(best.nfe) <= distance(r.nfe) ? best : r),
        undefined,
      )
  const compared = everyone.filter((name) => name !== names.dps && name !== names.warm)
  const series = compared.flatMap((name) => {
    const [median, spread] = [last(name, metrics.median), last(name, metrics.spread)]
    return median && spread ? [{ name, points: [{ x: median.mean, y: spread.mean }] }] : []
  })
  if (series.length === 0) return undefined
  return linePlot({
    ...{ title, series, height: 460 },
    subtitle: `Means of ${seeds.length} seeds, 91 to 100 NFE a sample`,
    x: { label: metrics.median },
    y: { label: metrics.spread },
  })
}

/** Twelve samples of the first seed, one row a method; only where a run has just ended. */
function sheets(result: ReproductionResult): Files {
  const cells = picturesOf(result)
  const files: Record<string, Uint8Array> = {}
  for (const name of ['jpeg', 'ink', 'clothes'] as const) {
    const setting = settings[name]
    const rows = result.table.filter((r) => r.setting === setting && r.metric === metrics.median)
    if (!cells || rows.length === 0) continue
    const drawnBy = everyone.filter((method) => rows.some((r) => r.method === method))
    const groups = [
      { method: names.bestOfN, budget: cells.budgets({ method: names.bestOfN, setting })[0], label: 'the model' },
      ...drawnBy.map((method) => {
        const budget = cells.budgets({ method, setting }).findLast((nfe) => nfe <= shown) ?? 2 * shown
        return { method, budget, label: `${method}, ${budget / samples} NFE a sample` }
      }),
    ].map(({ method, budget, label }) => {
      const [{ pictures = [] }] = cells.outcomes({ method, setting, budget })
      const data = pictures.map((text) => fromBytes(text, event).data)
      return { label, pictures: drawn(stack(data, event)) }
    })
    files[`${name}-sheet.png`] = contactSheet(groups, { title: `${setting}: 12 samples of one run`, scale: 2 })
  }
  return files
}
