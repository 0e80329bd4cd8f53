import type { Files, ReproductionResult } from '../result.ts'
import { figureFiles, nfePlot } from '../support/report.ts'
import { goals, metrics } from './experiment.ts'
import { bestOfNName, nameOf } from './methods.ts'

/** Given and held-out reward against NFE, for best-of-N and RBF on each kernel. */
export function figures(result: ReproductionResult): Files {
  const methods = [
    { method: nameOf('RBF', 'DDIM, eta = 1') },
    { method: nameOf('RBF', 'linear SDE') },
    { method: nameOf('RBF', 'VP-SDE') },
    { method: bestOfNName, dashed: true },
  ]
  const plot = (goal: keyof typeof goals, metric: string, title: string) =>
    nfePlot(result, {
      ...{ title, setting: goals[goal].setting, metric, methods, y: { label: metric } },
      subtitle: `A flow of digits in 10 steps; one sample a search`,
    })
  return figureFiles({
    figure: plot('digit', metrics.given, 'Log-odds of a 5: what was searched for'),
    'digit-held-out': plot('digit', metrics.held, 'Log-odds of a 5: what another classifier says'),
    symmetry: plot('symmetry', metrics.given, 'Symmetry: what was searched for, in hundredths'),
    'symmetry-held-out': plot('symmetry', metrics.held, 'Symmetry: is it still a digit?'),
  })
}
