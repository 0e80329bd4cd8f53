import { distanceName } from 'espalier/measure'
import type { Files, ReproductionResult } from '../result.ts'
import { figureFiles, nfePlot } from '../support/report.ts'
import { ablation, guided, narrow, narrowEven, solvers, wide } from './experiment.ts'

/** The ablation on the world; distance and CNN-FID of the networks. */
export function figures(result: ReproductionResult): Files {
  const network = (setting: string, title: string) => ({
    [setting]: nfePlot(result, {
      ...{ title: `${title}: distance to the fine solution`, setting, metric: distanceName, methods: solvers },
      subtitle: 'Same noise and class',
      y: { label: 'rms distance', log: true },
    }),
    [`${setting}-fid`]: nfePlot(result, {
      ...{ title: `${title}: distance to the data`, setting, metric: 'CNN-FID', methods: solvers },
      subtitle: 'Frechet distance on the features of a classifier',
      y: { label: 'CNN-FID', log: true },
    }),
    [`${setting}-guided`]: nfePlot(result, {
      ...{ title: `${title} under guidance w = 4: distance to the fine solution`, setting: `${setting}, w = 4` },
      ...{ metric: distanceName, methods: guided },
      subtitle: 'Same noise and class',
      y: { label: 'rms distance', log: true },
    }),
  })
  const world = (setting: string) =>
    nfePlot(result, {
      ...{
        title: `Where the error of few steps comes from: ${setting}`,
        setting,
        metric: distanceName,
        methods: ablation,
      },
      subtitle: 'Distance to the exact solution',
      y: { label: 'rms distance', log: true },
    })
  return figureFiles({
    figure: world(narrow),
    wide: world(wide),
    'even-in-log-snr': world(narrowEven),
    ...network('mnist', 'Digits'),
    ...network('fashion', 'Clothes'),
  })
}
