import { linePlot } from '@espalier/cli'
import type { Files, ReproductionResult } from '../result.ts'
import { figureFiles } from '../support/report.ts'
import {
  bon,
  exactWeights,
  fk,
  greedy,
  ir,
  type Method,
  published,
  star,
  svddArgmax,
  svddSoftmax,
  tempered,
} from './methods.ts'
import { find, metrics } from './names.ts'
import type { WorldName } from './worlds.ts'

interface Line {
  readonly name: string
  readonly method: Method
  readonly dashed?: boolean
}

const samplers: readonly Line[] = [
  { name: 'forest (ours)', method: tempered.fine },
  { name: 'DTS', method: published.coarse },
  { name: 'DTS, exact weights (ours)', method: exactWeights.coarse },
  { name: 'SMC / FK', method: fk.fine },
  { name: 'SVDD, softmax', method: svddSoftmax.fine },
  { name: 'importance resampling', method: ir, dashed: true },
]

const searchers: readonly Line[] = [
  { name: 'greedy islands (ours)', method: greedy.full },
  { name: 'DTS*, alpha 0.5', method: star.narrow },
  { name: 'SMC / FK', method: fk.fine },
  { name: 'SVDD, argmax', method: svddArgmax },
  { name: 'best-of-N', method: bon, dashed: true },
]

const titles: Partial<Record<WorldName, string>> = {
  gmm: 'Eight modes: nothing is rare',
  sharp3: 'Three narrow peaks, a thousandth of the mass',
  mode3: 'Two modes with a thousandth of the mass',
  hd32b: '32 dimensions, a reward on eight of them',
}

const budgets = [1e3, 1e4, 1e5]

export function figures(result: ReproductionResult): Files {
  const plot = (world: WorldName, lines: readonly Line[], metric: string, subtitle: string, label: string) => {
    const series = lines.map(({ name, method, dashed }) => ({
      ...{ name, dashed },
      points: budgets.flatMap((budget) => {
        const row = find(result, method, metric, budget)
        // A logarithmic axis has no place for what is closed altogether, nor for an interval that reaches there.
        return row && row.mean > 0
          ? [{ x: budget, y: row.mean, low: Math.max(row.low, row.mean / 10), high: row.high }]
          : []
      }),
    }))
    return linePlot({
      ...{ title: titles[world] ?? world, subtitle: `${subtitle}; mean and 95%`, series },
      x: { label: 'NFE', log: true },
      y: { label, log: true },
    })
  }
  const svgs: Record<string, string> = {}
  for (const world of ['gmm', 'sharp3', 'mode3', 'hd32b'] as const) {
    svgs[world] = plot(
      world,
      samplers,
      metrics.distance(world),
      'Masses of the modes against the exact target',
      'total variation',
    )
  }
  for (const world of ['sharp3', 'hd32b'] as const) {
    svgs[`${world}-best`] = plot(
      world,
      searchers,
      metrics.gap(world),
      'Best reward found, below the highest there is',
      'gap',
    )
  }
  return figureFiles(svgs)
}
