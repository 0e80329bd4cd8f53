import { distanceName } from 'espalier/measure'
import type { Files, ReproductionResult } from '../result.ts'
import { figureFiles, nfePlot } from '../support/report.ts'
import { beyond, score, solvers, world, worldScale } from './experiment.ts'

/** Artifacts, distances and CNN-FID without guidance and under the strongest; the guided world. */
export function figures(result: ReproductionResult): Files {
  const artifacts = (setting: string, title: string) =>
    nfePlot(result, {
      ...{ title: `Artifacts on ${title}`, setting, metric: score, methods: solvers },
      subtitle: 'Magnitude score: what lies beyond 3 standard deviations of the data',
      y: { label: 'magnitude score' },
    })
  const accuracy = (setting: string, title: string) =>
    nfePlot(result, {
      ...{ title, setting, metric: distanceName, methods: solvers },
      subtitle: 'Distance to the fine solution from the same noise',
      y: { label: 'rms distance', log: true },
    })
  const fid = (setting: string, title: string) =>
    nfePlot(result, {
      ...{ title: `Distance to the data, ${title}`, setting, metric: 'CNN-FID', methods: solvers },
      subtitle: 'Frechet distance on the features of a classifier',
      y: { label: 'CNN-FID', log: true },
    })
  const [digits, clothes] = ['mnist, w = 15', 'fashion, w = 15']
  return figureFiles({
    figure: artifacts(digits, 'digits under guidance w = 15'),
    distance: accuracy(digits, 'Accuracy on digits under guidance w = 15'),
    unguided: accuracy('mnist', 'Accuracy on digits without guidance'),
    fid: fid(digits, 'digits under guidance w = 15'),
    clothes: artifacts(clothes, 'clothes under guidance w = 15'),
    'clothes-distance': accuracy(clothes, 'Accuracy on clothes under guidance w = 15'),
    'clothes-fid': fid(clothes, 'clothes under guidance w = 15'),
    world: nfePlot(result, {
      ...{ title: `Two-dimensional mixture under guidance w = ${worldScale}`, setting: world, metric: beyond },
      methods: solvers,
      subtitle: 'Share of coordinates beyond 2 standard deviations of the data',
      y: { label: 'share' },
    }),
    'world-distance': accuracy(world, `Two-dimensional mixture under guidance w = ${worldScale}`),
  })
}
