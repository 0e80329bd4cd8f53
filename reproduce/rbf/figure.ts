import { linePlot } from '@espalier/cli'
import type { Files, ReproductionResult } from '../result.ts'
import { figureFiles, nfePlot } from '../support/report.ts'
import { budget, goals, main, metrics } from './experiment.ts'
import { bestOfNName, forestName, greedyName, nameOf } from './methods.ts'

/**
 * Of digits given and held-out reward against NFE, for best-of-N, RBF on each kernel, and ours on the kernel that is best
 * for most; of symmetry, which was run at one budget, every search on each kernel.
 */
export function figures(result: ReproductionResult): Files {
  const kernel = 'DDIM, eta = 1'
  const methods = [
    { method: nameOf('RBF', kernel) },
    { method: nameOf('RBF', 'linear SDE') },
    { method: nameOf('RBF', 'VP-SDE') },
    { method: bestOfNName, dashed: true },
    { method: nameOf(forestName, kernel), name: nameOf('forest', kernel) },
    { method: nameOf(greedyName, kernel), name: nameOf('greedy islands', kernel) },
  ]
  const plot = (metric: string, title: string) =>
    nfePlot(result, {
      ...{ title, setting: goals.digit.setting, metric, methods, y: { label: metric } },
      subtitle: `A flow of digits in 10 steps; one sample a search`,
    })
  return figureFiles({
    figure: plot(metrics.given, 'Log-odds of a 5: what was searched for'),
    'digit-held-out': plot(metrics.held, 'Log-odds of a 5: what another classifier says'),
    symmetry: byKernel(result, metrics.given, 'Symmetry: what was searched for, in hundredths'),
    'symmetry-held-out': byKernel(result, metrics.held, 'Symmetry: is it still a digit?'),
  })
}

const searches = ['SMC', forestName, greedyName, 'SVDD', 'RBF', 'RBF by blocks']

/** One line a kernel, from search to search, and best-of-N as a line across. Undefined where it was not measured. */
function byKernel({ table, seeds }: ReproductionResult, metric: string, title: string): string | undefined {
  const { setting } = goals.symmetry
  const at = (method: string) => table.find((r) => r.method === method && r.setting === setting && r.metric === metric)
  const plain = at(bestOfNName)
  if (!plain) return undefined
  const series = main.map((kernel) => ({
    name: kernel,
    points: searches.flatMap((search, i) => {
      const found = at(nameOf(search, kernel))
      return found ? [{ x: i + 1, y: found.mean, low: found.low, high: found.high }] : []
    }),
  }))
  return linePlot({
    ...{ title, series, y: { label: metric } },
    subtitle: `${budget} NFE a search; mean and 95%, ${seeds.length} seeds`,
    x: { label: searches.map((search, i) => `${i + 1} ${search}`).join(', ') },
    references: [{ y: plain.mean, label: bestOfNName }],
  })
}
