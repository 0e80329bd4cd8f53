import type { Files, ReproductionResult } from '../result.ts'
import { figureFiles, nfePlot } from '../support/report.ts'
import { metrics, together } from '../support/restoration.ts'
import { euler, first, naivePosterior, ofNoise, posterior, sde, second } from './methods.ts'
import { w1, world } from './world.ts'

/** Dashed: the baselines. */
const shown = [
  ...[naivePosterior, posterior, euler].map(({ method }) => ({ method, dashed: true })),
  ...[first, second, ofNoise, sde].map(({ method }) => ({ method })),
]

export function figures(result: ReproductionResult): Files {
  const pictures = (metric: string, title: string, log: boolean) =>
    nfePlot(result, {
      ...{ title, setting: together, metric, methods: shown, y: { label: metric, log }, height: 460 },
      subtitle: 'Blur, low resolution and lost pixels together',
    })
  return figureFiles({
    figure: pictures(metrics.feature, 'Restoration: distance to the clean picture', true),
    fid: pictures(metrics.fid, 'Restoration: distance to the set of clean pictures', true),
    psnr: pictures(metrics.psnr, 'Restoration: fidelity in dB', false),
    world: nfePlot(result, {
      ...{ title: 'One number, two clusters: error of the solver alone', setting: world, metric: w1, methods: shown },
      subtitle: 'Perfect network',
      ...{ y: { label: 'W1 to the exact law', log: true }, height: 460 },
    }),
  })
}
