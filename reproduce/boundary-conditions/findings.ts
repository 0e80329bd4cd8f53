import { metrics } from '../support/restoration.ts'
import type { Results } from '../support/results.ts'
import { type Finding, lower } from '../support/verdict.ts'
import { error, gaussian } from './gaussian.ts'
import { ddimOwn, ddpmOwn, random, rank, scaled, selected, selectedOf, setting, zero } from './names.ts'

/** The parts of the claim, each read off with its intervals; the trivial starts are its mandatory controls. */
export function findings(results: Results): Finding[] {
  const inTheWorld = { setting: gaussian, metric: error, budget: 10 }
  return [
    lower(results, selectedOf(1000), random, inTheWorld),
    lower(results, selectedOf(1000), zero, inTheWorld),
    shared(results),
    ...[10, 20].flatMap((budget) => {
      const where = { setting, metric: metrics.feature, budget }
      return [
        lower(results, selected, random, where),
        lower(results, selected, zero, where),
        lower(results, selected, scaled, where),
        lower(results, selected, ddimOwn, where, 100),
        lower(results, selected, ddpmOwn, where, 250),
        lower(results, selected, zero, { ...where, metric: metrics.fid }),
      ]
    }),
  ]
}

/** Whether pictures agree about the starts. */
function shared(results: Results): Finding {
  const told = ({ mean, low, high }: { mean: number; low: number; high: number }) =>
    `${mean.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`
  const pictures = results.at(selected, { setting, metric: rank, budget: 10 })
  const exact = results.at(selectedOf(1000), { setting: gaussian, metric: rank, budget: 10 })
  return {
    holds: pictures.low > 0,
    about: rank,
    text: `${told(pictures)} with the network, ${told(exact)} in the Gaussian case`,
  }
}
