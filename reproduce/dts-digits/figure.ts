import { gunzipSync } from 'node:zlib'
import { contactSheet, type Picture, type PictureGroup } from '@espalier/cli'
import type { Files, ReproductionResult } from '../result.ts'
import { figureFiles, nfePlot } from '../support/report.ts'
import { controls, type DigitsResult } from './experiment.ts'
import { metrics } from './measure.ts'
import { names } from './methods.ts'
import { tasks } from './world.ts'

const drawn = [
  { method: names.paper },
  { method: names.narrow },
  { method: names.forest },
  { method: names.smc },
  { method: names.tds },
  { method: names.das },
  { method: names.dps },
  { method: names.soft },
  { method: names.importance, dashed: true },
]

/** Distance to the posterior against NFE, one figure a task, and a contact sheet of what each method reads out. */
export function figures(result: ReproductionResult): Files {
  const plot = (setting: string, metric: string, title: string) =>
    nfePlot(result, {
      ...{ title, setting, metric, methods: drawn, y: { label: metric, log: metric !== metrics.histogram } },
      subtitle: 'A flow of digits in 10 steps, 500 samples read out',
    })
  const [three, zero, even] = tasks.map(({ setting }) => setting)
  const files = figureFiles({
    figure: plot(three, metrics.posterior, 'A common digit, 3: distance to the exact posterior'),
    zero: plot(zero, metrics.posterior, 'The rarest digit, 0: distance to the exact posterior'),
    even: plot(even, metrics.posterior, 'Even digits: distance to the exact posterior'),
    histogram: plot(even, metrics.histogram, 'Even digits: how far their shares are off'),
  })
  const sheet = samplesSheet(result as DigitsResult)
  return sheet ? { ...files, 'samples.png': sheet } : files
}

function samplesSheet({ shown }: DigitsResult): Uint8Array | undefined {
  const setting = tasks.map((task) => task.setting).findLast((name) => shown.some((own) => own.setting === name))
  const order: readonly string[] = [controls.exact, ...Object.values(names)]
  const groups = order.flatMap((method): PictureGroup[] => {
    const own = shown.find((one) => one.setting === setting && one.method === method)
    return own ? [{ label: method, pictures: unpacked(own.pictures) }] : []
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
