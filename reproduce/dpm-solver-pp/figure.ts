import type { Files, ReproductionResult } from '../result.ts'
import { distance } from '../support/compare.ts'
import { figureFiles, nfePlot } from '../support/report.ts'
import { limitedSolvers, outside, shown } from './experiment.ts'

/** Distance without and with strong guidance; range and CNN-FID under the strongest. */
export function figures(result: ReproductionResult): Files {
  const strong = 'mnist, w = 8'
  return figureFiles({
    figure: nfePlot(result, {
      ...{ title: 'Digits under guidance w = 8', setting: strong, metric: distance, methods: shown },
      subtitle: 'Distance to the fine solution from the same noise',
      y: { label: 'rms distance', log: true },
    }),
    unguided: nfePlot(result, {
      ...{ title: 'Digits without guidance', setting: 'mnist', metric: distance, methods: shown },
      subtitle: 'Distance to the fine solution from the same noise',
      y: { label: 'rms distance', log: true },
    }),
    clothes: nfePlot(result, {
      ...{ title: 'Clothes under guidance w = 8', setting: 'fashion, w = 8', metric: distance, methods: shown },
      subtitle: 'Distance to the fine solution from the same noise',
      y: { label: 'rms distance', log: true },
    }),
    range: nfePlot(result, {
      ...{ title: 'Digits under guidance w = 8: pixels out of range', setting: strong, metric: outside },
      methods: [...shown, ...limitedSolvers],
      subtitle: 'Share of pixels beyond 1.2, where data ends at 1',
      y: { label: 'share of pixels' },
    }),
    fid: nfePlot(result, {
      ...{ title: 'Digits under guidance w = 8: distance to the data', setting: strong, metric: 'CNN-FID' },
      methods: [...shown, ...limitedSolvers],
      subtitle: 'Frechet distance on the features of a classifier',
      y: { label: 'CNN-FID', log: true },
    }),
  })
}
