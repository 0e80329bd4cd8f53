import { svgToPng } from '@espalier/cli'
import type { Files, ReproductionResult } from '../result.ts'
import { distance } from '../support/compare.ts'
import { nfePlot } from '../support/report.ts'
import { ablation, solvers, world } from './experiment.ts'

/** The ablation on the world; distance and CNN-FID of the networks. */
export function figures(result: ReproductionResult): Files {
  const svgs: Record<string, string> = {
    figure: nfePlot(result, {
      ...{ title: 'Where the error of few steps comes from', setting: world, metric: distance, methods: ablation },
      subtitle: 'Two-dimensional mixture, distance to the exact solution of the ODE',
      y: { label: 'rms distance', log: true },
    }),
  }
  for (const [setting, title] of [
    ['mnist', 'Digits'],
    ['fashion', 'Clothes'],
  ]) {
    if (!result.table.some((r) => r.setting === setting)) continue
    svgs[setting] = nfePlot(result, {
      ...{ title: `${title}: distance to the fine solution`, setting, metric: distance, methods: solvers },
      subtitle: 'Same noise and class',
      y: { label: 'rms distance', log: true },
    })
    if (!result.table.some((r) => r.setting === setting && r.metric === 'CNN-FID')) continue
    svgs[`${setting}-fid`] = nfePlot(result, {
      ...{ title: `${title}: distance to the data`, setting, metric: 'CNN-FID', methods: solvers },
      subtitle: 'Frechet distance on the features of a classifier, to 10 000 test images',
      y: { label: 'CNN-FID', log: true },
    })
  }
  return Object.fromEntries(
    Object.entries(svgs).flatMap(([name, svg]) => [
      [`${name}.svg`, svg],
      [`${name}.png`, svgToPng(svg)],
    ]),
  )
}
