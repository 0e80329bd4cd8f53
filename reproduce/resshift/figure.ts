import type { Files, ReproductionResult } from '../result.ts'
import { figureFiles, nfePlot } from '../support/report.ts'
import { metrics } from '../support/restoration.ts'
import { gaussian, kept } from './gaussian.ts'
import { ancestral, fromNoise, fromNoise2, methods, odes, strided } from './methods.ts'
import { setting, spread } from './pictures.ts'

/** Dashed: what is not the paper's. */
const controls = [strided, ...odes, fromNoise, fromNoise2, ancestral]
const shown = [...new Set(methods.map(({ method }) => method))].map((method) => ({
  method,
  dashed: controls.some((control) => control.method === method),
}))

export function figures(result: ReproductionResult): Files {
  const pictures = (metric: string, title: string, log: boolean) =>
    nfePlot(result, {
      ...{ title, setting, metric, methods: shown, y: { label: metric, log }, height: 440 },
      subtitle: '4x super-resolution of clothes',
    })
  return figureFiles({
    figure: pictures(metrics.feature, 'Distance to the clean picture', false),
    fid: pictures(metrics.fid, 'Distance to the set of clean pictures', true),
    psnr: pictures(metrics.psnr, 'Fidelity in dB', false),
    spread: pictures(spread, 'Spread of the restorations of one picture', false),
    variance: nfePlot(result, {
      ...{ title: 'What few steps leave of the variance', setting: gaussian, metric: kept },
      subtitle: 'Perfect network, Gaussian posterior',
      methods: ['ResShift', 'ResShift as an ODE', 'DDIM from noise', 'DDPM from noise'].map((method) => ({ method })),
      y: { label: kept },
    }),
  })
}
