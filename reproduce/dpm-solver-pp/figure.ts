import { distanceName } from 'espalier/measure'
import type { Files, ReproductionResult } from '../result.ts'
import { figureFiles, nfePlot } from '../support/report.ts'
import { limitedSolvers, noise2, noise3, noise3s, outside, pc, shown, strongWorld } from './experiment.ts'

/** Distance without and with strong guidance; range and CNN-FID under the strongest. */
export function figures(result: ReproductionResult): Files {
  // As many as there are colours.
  const strong = [...shown.filter(({ method }) => method !== pc.method), noise3]
  const named = limitedSolvers.map(({ method }) => ({ method, name: method.replace('DPM-Solver', '') }))
  const others = {
    methods: [...shown.filter(({ method }) => ![noise3s, pc, noise2].some((m) => m.method === method)), ...named],
  }
  const digits = 'mnist, w = 8'
  const of = (setting: string, title: string, guided = false) =>
    nfePlot(result, {
      ...{ title, setting, metric: distanceName, methods: guided ? strong : shown },
      subtitle: 'Distance to the fine solution from the same noise',
      y: { label: 'rms distance', log: true },
    })
  const fid = (setting: string, title: string) =>
    nfePlot(result, {
      ...{ title, setting, metric: 'CNN-FID', ...others },
      subtitle: 'Frechet distance on the features of a classifier',
      y: { label: 'CNN-FID', log: true },
    })
  return figureFiles({
    figure: of(digits, 'Digits under guidance w = 8', true),
    unguided: of('mnist', 'Digits without guidance'),
    clothes: of('fashion, w = 8', 'Clothes under guidance w = 8', true),
    'clothes-unguided': of('fashion', 'Clothes without guidance'),
    world: of(strongWorld, 'Clusters under guidance w = 8', true),
    range: nfePlot(result, {
      ...{ title: 'Digits under guidance w = 8: pixels out of range', setting: digits, metric: outside, ...others },
      subtitle: 'Share of pixels beyond 1.2, where data ends at 1',
      y: { label: 'share of pixels' },
    }),
    fid: fid(digits, 'Digits under guidance w = 8: distance to the data'),
    'clothes-fid': fid('fashion, w = 8', 'Clothes under guidance w = 8: distance to the data'),
  })
}
