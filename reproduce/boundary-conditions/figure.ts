import type { Files, ReproductionResult } from '../result.ts'
import { figureFiles, nfePlot } from '../support/report.ts'
import { metrics } from '../support/restoration.ts'
import { error, gaussian } from './gaussian.ts'
import { ddimOwn, ddpmOwn, random, selected, selectedByPsnr, selectedOf, setting, transferred, zero } from './names.ts'
import { plane, w2 } from './plane.ts'

/** Dashed: what no selection made. */
const chosen = (...methods: string[]) => methods.map((method) => ({ method }))
const controls = (...methods: string[]) => methods.map((method) => ({ method, dashed: true }))

export function figures(result: ReproductionResult): Files {
  const pictures = (metric: string, title: string) =>
    nfePlot(result, {
      ...{ title, setting, metric, y: { label: metric } },
      subtitle: '4x super-resolution of held-out clothes',
      methods: [...chosen(selected, transferred, selectedByPsnr), ...controls(random, zero, ddimOwn, ddpmOwn)],
    })
  return figureFiles({
    figure: pictures(metrics.feature, 'One start noise for all pictures: distance to the clean picture'),
    fid: pictures(metrics.fid, 'One start noise for all pictures: distance to the set of clean pictures'),
    psnr: pictures(metrics.psnr, 'One start noise for all pictures: fidelity in dB'),
    gaussian: nfePlot(result, {
      ...{ title: 'One start noise for all pictures: Gaussian case', setting: gaussian, metric: error },
      subtitle: 'Exact expected error, spectrum 1/f',
      y: { label: error },
      methods: [...chosen(selectedOf(10), selectedOf(100), selectedOf(1000)), ...controls(random, zero)],
    }),
    plane: nfePlot(result, {
      ...{ title: 'One start noise where posteriors are mixtures', setting: plane, metric: error },
      subtitle: 'Six clusters seen through noise; expected error',
      y: { label: error },
      methods: [...chosen(selectedOf(10), selectedOf(100)), ...controls(random, zero)],
    }),
    'plane-w2': nfePlot(result, {
      ...{ title: 'One start noise where posteriors are mixtures: the set', setting: plane, metric: w2 },
      subtitle: 'Six clusters seen through noise',
      y: { label: w2, log: true },
      methods: [...chosen(selectedOf(10), selectedOf(100)), ...controls(random, zero)],
    }),
  })
}
