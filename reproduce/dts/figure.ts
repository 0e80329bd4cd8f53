import { formatInterval, linePlot, svgToPng, tableToText } from '@espalier/cli'
import type { Files, ReproductionResult, ReproductionRow } from '../result.ts'
import { metrics, samplers, single } from './experiment.ts'
import { estimates, valueMetric } from './values.ts'
import { branchAt } from './worlds.ts'

/** Error against NFE, and error of the value estimates against the level: as SVG and PNG. */
export function figures(result: ReproductionResult): Files {
  const runs = `mean and 95% interval of ${result.seeds.length} seeds`
  const convergence = linePlot({
    title: 'Eight modes, exact kernel: error against network evaluations',
    subtitle: `Total variation between mode masses and the exact target; ${runs}`,
    x: { label: 'NFE', log: true },
    y: { label: 'total variation', log: true },
    // Our forest as it is on the levels of the trees; on its own it is in the table.
    series: [...samplers.filter(({ fine }) => !fine), single].map(({ method, setting, label }) => ({
      name: label,
      dashed: method === 'importance resampling' || method === 'best-of-N',
      points: result.table
        .filter((r) => r.method === method && r.setting === setting && r.metric === metrics.distance)
        .map((r) => point(r.nfe, r)),
    })),
  })
  const values = linePlot({
    title: 'Which estimate knows the soft value?',
    subtitle: `Root mean square error of V(x_t) on the paths of samples, tree of 100 000 NFE; ${runs}`,
    x: { label: 'steps left (noise)' },
    y: { label: 'error', log: true },
    series: estimates.map((method) => ({
      name: method,
      points: branchAt
        .slice(1)
        .reverse()
        .map((left) => {
          const metric = valueMetric(left, 'sampled', 'root mean square error')
          return point(left, result.table.find((r) => r.method === method && r.metric === metric)!)
        }),
    })),
  })
  return {
    'figure.svg': convergence,
    'figure.png': svgToPng(convergence),
    'values.svg': values,
    'values.png': svgToPng(values),
  }
}

const point = (x: number, { mean, low, high }: ReproductionRow) => ({ x, y: mean, low, high })

/** The whole table as text. */
export function report({ verdict, why, table }: ReproductionResult): string {
  const columns = ['metric', 'method', 'setting'].map((name) => ({ name }))
  const text = tableToText({
    columns: [...columns, { name: 'NFE', right: true }, { name: 'mean [95%]', right: true }],
    rows: [...table]
      .sort((a, b) => a.metric.localeCompare(b.metric))
      .map((r) => [r.metric, r.method, r.setting, String(r.nfe), formatInterval(r)]),
  })
  return `${text}\n\nThe claim ${verdict}. ${why}`
}
