import { linePlot } from '@espalier/cli'
import type { Files, ReproductionResult } from '../result.ts'
import { figureFiles, nfePlot } from '../support/report.ts'
import { metrics } from '../support/restoration.ts'
import { chainNames } from './chains.ts'
import { gaussian, kept } from './gaussian.ts'
import { ancestral, fromNoise, fromNoise2, methods, odes, strided } from './methods.ts'
import { setting, spread } from './pictures.ts'
import { guidedPlane, plane, w2 } from './plane.ts'

/** Dashed: what is not the paper's. */
const controls = [strided, ...odes, fromNoise, fromNoise2, ancestral]
const shown = [...new Set(methods.map(({ method }) => method))].map((method) => ({
  method,
  dashed: controls.some((control) => control.method === method),
}))

export function figures(result: ReproductionResult): Files {
  const pictures = (metric: string, title: string) =>
    nfePlot(result, {
      ...{ title, setting, metric, methods: shown, y: { label: metric }, height: 440 },
      subtitle: '4x super-resolution of clothes',
    })
  const points = (where: string, title: string) =>
    nfePlot(result, {
      ...{ title, setting: where, metric: w2, y: { label: w2, log: true } },
      methods: chainNames.map((method) => ({ method, dashed: method.endsWith('from noise') })),
      subtitle: 'Two numbers, perfect network',
    })
  return figureFiles({
    figure: pictures(metrics.feature, 'Distance to the clean picture'),
    fid: pictures(metrics.fid, 'Distance to the set of clean pictures'),
    psnr: pictures(metrics.psnr, 'Fidelity in dB'),
    tradeoff: tradeoff(result),
    plane: points(plane, 'Six clusters around the degraded point'),
    'guided-plane': points(guidedPlane, 'One class of clusters, guidance w = 4'),
    variance: nfePlot(result, {
      ...{ title: 'What few steps leave of the variance', setting: gaussian, metric: kept },
      subtitle: 'Perfect network, Gaussian posterior, exact',
      methods: chainNames.map((method) => ({ method })),
      y: { label: kept },
    }),
  })
}

/** Nearness against spread: a method is better where it is nearer at equal spread. */
function tradeoff({ table, seeds }: ReproductionResult): string {
  const of = (method: string, metric: string) =>
    table
      .filter((r) => r.method === method && r.metric === metric && r.setting === setting)
      .sort((a, b) => a.nfe - b.nfe)
  return linePlot({
    title: 'Nearness at equal spread',
    subtitle: `4x super-resolution of clothes, more steps to the right; mean and 95%, ${seeds.length} seeds`,
    height: 440,
    x: { label: spread },
    y: { label: metrics.feature },
    series: shown.map(({ method, dashed }) => {
      const distances = of(method, metrics.feature)
      const points = of(method, spread).map(({ mean: x }, i) => {
        const { mean: y, low, high } = distances[i]
        return { x, y, low, high }
      })
      return { name: method, dashed, points }
    }),
  })
}
