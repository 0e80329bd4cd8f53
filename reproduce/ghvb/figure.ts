import type { Files, ReproductionResult } from '../result.ts'
import { distance } from '../support/compare.ts'
import { figureFiles, nfePlot } from '../support/report.ts'
import { beyond, score, solvers, world, worldScale } from './experiment.ts'

/** Artifacts and distance under the strongest guidance; the guided world. */
export function figures(result: ReproductionResult): Files {
  return figureFiles({
    figure: nfePlot(result, {
      ...{
        title: 'Artifacts on digits under guidance w = 15',
        setting: 'mnist, w = 15',
        metric: score,
        methods: solvers,
      },
      subtitle: 'Magnitude score: what lies beyond 3 standard deviations of the data',
      y: { label: 'magnitude score' },
    }),
    distance: nfePlot(result, {
      ...{ title: 'Accuracy on digits under guidance w = 15', setting: 'mnist, w = 15', metric: distance },
      methods: solvers,
      subtitle: 'Distance to the fine solution from the same noise',
      y: { label: 'rms distance', log: true },
    }),
    clothes: nfePlot(result, {
      ...{ title: 'Artifacts on clothes under guidance w = 15', setting: 'fashion, w = 15', metric: score },
      methods: solvers,
      subtitle: 'Magnitude score: what lies beyond 3 standard deviations of the data',
      y: { label: 'magnitude score' },
    }),
    world: nfePlot(result, {
      ...{ title: `Two-dimensional mixture under guidance w = ${worldScale}`, setting: world, metric: beyond },
      methods: solvers,
      subtitle: 'Share of coordinates beyond 2 standard deviations of the data',
      y: { label: 'share' },
    }),
    'world-distance': nfePlot(result, {
      ...{ title: `Two-dimensional mixture under guidance w = ${worldScale}`, setting: world, metric: distance },
      methods: solvers,
      subtitle: 'Distance to the fine solution from the same noise',
      y: { label: 'rms distance', log: true },
    }),
  })
}
