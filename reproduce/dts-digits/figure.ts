import { gunzipSync } from 'node:zlib'
import { contactSheet, linePlot, type Picture, type PictureGroup } from '@espalier/cli'
import type { Files, ReproductionResult } from '../result.ts'
import { figureFiles } from '../support/report.ts'
import { controls, type DigitsResult } from './experiment.ts'
import { metrics } from './measure.ts'
import { names } from './methods.ts'
import { steps, tasks } from './world.ts'

/** As many as there are colours. */
const drawn = [
  { method: names.paper },
  { method: names.forest },
  { method: names.smc },
  { method: names.das },
  { method: names.dps },
  { method: names.soft },
  { method: names.importance, dashed: true },
]

/** Distance to the posterior against NFE, one figure a task, and a contact sheet of what each method reads out. */
export function figures(result: ReproductionResult): Files {
  const [three, zero, even] = tasks.map(({ setting }) => setting)
  const files = figureFiles({
    figure: plot(result, three, metrics.posterior, 'A common digit, 3: distance to the exact posterior'),
    zero: plot(result, zero, metrics.posterior, 'The rarest digit, 0: distance to the exact posterior'),
    even: plot(result, even, metrics.posterior, 'Even digits: distance to the exact posterior'),
    histogram: plot(result, even, metrics.histogram, 'Even digits: how far their shares are off'),
  })
  const sheet = samplesSheet(result as DigitsResult)
  return sheet ? { ...files, 'samples.png': sheet } : files
}

/** A metric over the NFE of a search. Undefined where it was not measured. */
function plot(result: ReproductionResult, setting: string, metric: string, title: string): string | undefined {
  const rows = result.table.filter((r) => r.setting === setting && r.metric === metric)
  const series = drawn
    .map(({ method, dashed }) => ({
      ...{ name: method, dashed },
      points: rows
        .filter((r) => r.method === method)
        .map(({ nfe, mean, low, high }) => ({ x: nfe, y: mean, low, high })),
    }))
    .filter(({ points }) => points.length > 0)
  if (series.length === 0) return undefined
  return linePlot({
    ...{ title, series, height: 480 },
    subtitle: `A flow of digits in ${steps} steps, 500 samples read out; mean and 95%, ${result.seeds.length} seeds`,
    x: { label: 'NFE of a search', log: true },
    y: { label: metric, log: true },
    references: rows.filter((r) => r.method === controls.exact).map((r) => ({ y: r.mean, label: 'exact samples' })),
  })
}

function samplesSheet({ shown }: DigitsResult): Uint8Array | undefined {
  const setting = tasks.map((task) => task.setting).findLast((name) => shown.some((own) => own.setting === name))
  const order: readonly string[] = [controls.exact, ...Object.values(names)]
  const groups = order.flatMap((method): PictureGroup[] => {
    const own = shown.find((one) => one.setting === setting && one.method === method)
    return own ? [{ label: own.nfe > 0 ? `${method}, ${own.nfe} NFE` : method, pictures: unpacked(own.pictures) }] : []
  })
  return groups.length > 0 ? contactSheet(groups, { title: `Read out: ${setting}`, columns: 16, scale: 2 }) : undefined
}

function unpacked(pictures: string): Picture[] {
  const bytes = new Uint8Array(gunzipSync(Buffer.from(pictures, 'base64')))
  const size = 28 * 28
  return Array.from({ length: bytes.length / size }, (_, i) => ({
    ...{ width: 28, height: 28, channels: 1 },
    pixels: bytes.subarray(i * size, (i + 1) * size),
  }))
}
