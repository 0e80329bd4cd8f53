import { formatInterval, linePlot, type PlotAxis, svgToPng, tableToText } from '@espalier/cli'
import { fineSolutionName } from 'espalier/measure'
import type { Files, ReproductionResult, ReproductionRow } from '../result.ts'

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
  /** In the order of the legend, under `name` where it is short for the method. Dashed: the controls. */
  readonly methods: readonly { readonly method: string; readonly name?: string; readonly dashed?: boolean }[]
  readonly y: PlotAxis
  readonly height?: number
}

/** What is drawn as a horizontal line. */
const references = [fineSolutionName, 'training images', 'exact samples']

/** A metric over NFE: one line a method, with its 95% band. Undefined where it was not measured. */
export function nfePlot(result: ReproductionResult, options: NfePlot): string | undefined {
  const { title, subtitle, setting, metric, methods, y, height } = options
  const rows = result.table.filter((r) => r.setting === setting && r.metric === metric)
  // A logarithmic axis has no place for what is not positive, as a distance may be that has lost its bias.
  const shown = rows.filter((r) => !y.log || r.mean > 0)
  const series = methods
    .map(({ method, name = method, dashed }) => {
      const points = shown.filter((r) => r.method === method && r.nfe > 0).sort((a, b) => a.nfe - b.nfe)
      return { name, dashed, points: points.map(point) }
    })
    .filter(({ points }) => points.length > 0)
  if (series.length === 0) return undefined
  // What was computed has no interval.
  const drawn = shown.some(({ low, high }) => low !== high)
  return linePlot({
    ...{ title, height, series, y },
    subtitle: drawn ? `${subtitle}; mean and 95%, ${result.seeds.length} seeds` : subtitle,
    x: { label: 'NFE a sample', log: true },
    references: shown.filter((r) => references.includes(r.method)).map((r) => ({ y: r.mean, label: r.method })),
  })
}

const point = ({ nfe, mean, low, high }: ReproductionRow) => ({ x: nfe, y: mean, low, high })

/** SVG and PNG of the figures that there are. */
export function figureFiles(svgs: Readonly<Record<string, string | undefined>>): Files {
  const files: Record<string, string | Uint8Array> = {}
  for (const [name, svg] of Object.entries(svgs)) {
    if (svg === undefined) continue
    files[`${name}.svg`] = svg
    files[`${name}.png`] = svgToPng(svg)
  }
  return files
}
