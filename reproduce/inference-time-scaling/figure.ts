import { linePlot } from '@espalier/cli'
import type { Files, ReproductionResult } from '../result.ts'
import { figureFiles } from '../support/report.ts'
import { algorithms, branching, metrics, noSearch } from './experiment.ts'
import { singleNames } from './verifiers.ts'

/** Each verifier against NFE, by algorithm and beside more steps; and what the judge says of the same winners. */
export function figures(result: ReproductionResult): Files {
  const { table, seeds } = result
  const plot = (setting: string, metric: string, title: string, y = metric) => {
    const line = (name: string, of: string, dashed = false) => ({
      ...{ name, dashed },
      points: table
        .filter((r) => r.method === name && r.setting === of && r.metric === metric)
        .map(({ nfe, mean, low, high }) => ({ x: nfe, y: mean, low, high })),
    })
    const drawn = [...algorithms, ...branching.slice(1, 3)]
    const series = [...drawn.map(({ name }) => line(name, setting)), line(noSearch, 'none', true)]
    return linePlot({
      ...{ title, series, y: { label: y } },
      subtitle: `A flow of digits, 10 steps a sample; mean and 95%, ${seeds.length} seeds`,
      x: { label: 'NFE a search', log: true },
    })
  }
  const [digit, symmetry, own] = singleNames
  return figureFiles({
    figure: plot(digit, metrics.verifier(digit), `Searched for: ${digit}`),
    'digit-held-out': plot(digit, metrics.held, `The same winners before another judge`),
    symmetry: plot(symmetry, metrics.verifier(symmetry), `Searched for: ${symmetry}`),
    'symmetry-held-out': plot(symmetry, metrics.sure, 'Searched for symmetry: is it still a digit?'),
    'symmetry-digits': plot(symmetry, metrics.digits, 'Searched for symmetry: which digits are left?'),
    'self-similarity': plot(own, metrics.verifier(own), `Searched for: ${own}`),
    'self-similarity-held-out': plot(own, metrics.sure, 'Searched for self-similarity: is it a digit?'),
  })
}
