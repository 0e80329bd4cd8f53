import { formatInterval, linePlot, type PlotAxis, tableToText } from '@espalier/cli'
import type { ReproductionResult, ReproductionRow } from '../result.ts'

/** The whole table as text, and the verdict. */
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

export interface NfePlot {
  readonly title: string
  readonly subtitle: string
  readonly setting: string
  readonly metric: string
  /** In the order of the legend. Dashed: the controls. */
  readonly methods: readonly { readonly method: string; readonly dashed?: boolean }[]
  readonly y: PlotAxis
  readonly height?: number
}

/** A metric over NFE: one line a method, with its 95% band; real data as a horizontal line. */
export function nfePlot(result: ReproductionResult, options: NfePlot): string {
  const { title, subtitle, setting, metric, methods, y, height } = options
  const rows = result.table.filter((r) => r.setting === setting && r.metric === metric)
  // A logarithmic axis has no place for what is not positive, as a distance may be that has lost its bias.
  const shown = rows.filter((r) => !y.log || r.mean > 0)
  return linePlot({
    title,
    subtitle: `${subtitle}; mean and 95% interval of ${result.seeds.length} seeds`,
    height,
    x: { label: 'NFE a sample', log: true },
    y,
    series: methods
      .map(({ method, dashed }) => ({
        name: method,
        dashed,
        points: shown.filter((r) => r.method === method && r.nfe > 0).map(point),
      }))
      .filter(({ points }) => points.length > 0),
    references: shown.filter((r) => r.nfe === 0).map((r) => ({ y: r.mean, label: r.method })),
  })
}

const point = ({ nfe, mean, low, high }: ReproductionRow) => ({ x: nfe, y: mean, low, high })
