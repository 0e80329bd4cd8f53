import { contactSheet, linePlot, type PlotPoint, picturesOf } from '@espalier/cli'
import type { Files, ReproductionResult } from '../result.ts'
import { figureFiles } from '../support/report.ts'
import { budgetsOf, classesOf, names, samplesOf, scales, usual } from './experiment.ts'
import { metrics } from './world.ts'

/** Density over the class that is asked for, and over the guidance scale. */
export function figures(result: ReproductionResult): Files {
  const at = (method: string, metric: string) => result.table.find((r) => r.method === method && r.metric === metric)
  const point = (x: number, method: string, metric: string, unit = 1): PlotPoint[] => {
    const found = at(method, metric)
    return found ? [{ x, y: found.mean / unit, low: found.low / unit, high: found.high / unit }] : []
  }
  const classes = classesOf(at(names.guided(4, usual), metrics.distance) === undefined)
  const subtitle = `Mean and 95%, ${result.seeds.length} seeds`
  const byClass = (metric: string, title: string) => {
    const plain = at(names.plain, metric)
    return linePlot({
      ...{ title, subtitle, x: { label: 'minority class (9: the rarest tenth)' }, y: { label: metric } },
      series: [
        {
          name: `guided, w = ${usual}`,
          points: classes.flatMap((label) => point(label, names.guided(label, usual), metric)),
        },
        {
          name: 'real digits',
          dashed: true,
          points: classes.flatMap((label) => point(label, names.real(label), metric)),
        },
      ].filter(({ points }) => points.length > 1),
      references: plain ? [{ y: plain.mean, label: 'plain samples' }] : [],
    })
  }
  const relative = [metrics.distance, metrics.lof, metrics.rarity, metrics.score].map((metric) => {
    const unit = at(names.plain, metric)?.mean ?? 1
    return {
      name: metric,
      points: [{ x: 0, y: 1 }, ...scales.flatMap((w) => point(w, names.guided(9, w), metric, unit))],
    }
  })
  return {
    ...figureFiles({
      figure: byClass(metrics.distance, 'Distance to the nearest real digits'),
      score: byClass(metrics.score, 'Minority score, recomputed on the samples'),
      scale: linePlot({
        ...{
          title: 'The rarest class over the guidance scale',
          subtitle: `Relative to plain samples, which are w = 0. ${subtitle}`,
        },
        ...{ x: { label: 'guidance scale w' }, y: { label: 'relative to plain samples' }, series: relative },
      }),
    }),
    ...sheet(result, 'samples.png', [
      names.guided(0, usual),
      names.plain,
      ...scales.map((w) => names.guided(9, w)),
      names.real(9),
    ]),
    ...sheet(result, 'searches.png', rivals),
  }
}

const { guided: cheap, rejecting } = budgetsOf(false)
const rivals = [
  names.noisy,
  names.forest(cheap),
  names.forest(rejecting),
  names.rejected(rejecting),
  names.greedy(rejecting),
]

/** What a run that has just ended drew, where it drew all of it. */
function sheet(result: ReproductionResult, name: string, rows: readonly string[]): Files {
  const groups = rows.flatMap((label) => {
    const found = samplesOf(result)?.get(label)
    return found ? [{ label, pictures: picturesOf(found) }] : []
  })
  return groups.length < rows.length ? {} : { [name]: contactSheet(groups, { columns: 12, scale: 2 }) }
}
