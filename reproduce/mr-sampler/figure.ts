import type { Files, ReproductionResult } from '../result.ts'
import { figureFiles, nfePlot } from '../support/report.ts'
import { metrics, together } from '../support/restoration.ts'
import { euler, first, naivePosterior, ofNoise, posterior, sde, second } from './methods.ts'
import { guidedPlane, plane, w2 } from './plane.ts'
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
  /** The floor is told, not drawn: the lines come near to it. */
  const points = (setting: string, title: string) => {
    const table = result.table.filter((r) => r.setting === setting && r.metric === w2)
    const floor = table.find(({ nfe }) => nfe === 0)!
    return nfePlot(
      { ...result, table: table.filter(({ nfe }) => nfe > 0) },
      {
        ...{ title, setting, metric: w2, methods: shown, y: { label: w2, log: true }, height: 460 },
        subtitle: `Perfect network; exact samples have ${floor.mean.toPrecision(2)}`,
      },
    )
  }
  return figureFiles({
    figure: pictures(metrics.feature, 'Restoration: distance to the clean picture', true),
    fid: pictures(metrics.fid, 'Restoration: distance to the set of clean pictures', true),
    psnr: pictures(metrics.psnr, 'Restoration: fidelity in dB', false),
    world: nfePlot(result, {
      ...{ title: 'One number, two clusters: error of the solver alone', setting: world, metric: w1, methods: shown },
      subtitle: 'Perfect network',
      ...{ y: { label: 'W1 to the exact law', log: true }, height: 460 },
    }),
    plane: points(plane, 'Six clusters: error of the solver alone'),
    'guided-plane': points(guidedPlane, 'One class of clusters, guidance w = 4'),
  })
}
