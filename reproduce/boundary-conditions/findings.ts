import { metrics } from '../support/restoration.ts'
import type { Results } from '../support/results.ts'
import { type Finding, lower } from '../support/verdict.ts'
import { error, gaussian } from './gaussian.ts'
import {
  budgets,
  ddimOwn,
  ddpmOwn,
  main,
  random,
  rank,
  scaled,
  selected,
  selectedOf,
  setting,
  transferred,
  zero,
} from './names.ts'
import { plane, w2 } from './plane.ts'

/** The parts of the claim, each read off with its intervals; the trivial starts are its mandatory controls. */
export function findings(results: Results): Finding[] {
  const inTheWorld = { setting: gaussian, metric: error, budget: main }
  return [
    lower(results, selectedOf(1000), random, inTheWorld),
    lower(results, selectedOf(1000), zero, inTheWorld),
    ...[main, 50].flatMap((budget) => {
      const inThePlane = { setting: plane, metric: error, budget }
      return [
        lower(results, selectedOf(100), random, inThePlane),
        lower(results, selectedOf(100), zero, inThePlane),
        lower(results, selectedOf(100), random, { ...inThePlane, metric: w2 }),
      ]
    }),
    shared(results),
    ...budgets.flatMap((budget) => {
      const where = { setting, metric: metrics.feature, budget }
      const best = budget > main ? transferred : selected
      return [
        lower(results, best, random, where),
        lower(results, best, zero, where),
        ...(budget === main ? [lower(results, best, scaled, where)] : []),
        lower(results, best, ddimOwn, where, 100),
        lower(results, best, ddpmOwn, where, 250),
        lower(results, best, zero, { ...where, metric: metrics.fid }),
      ]
    }),
  ]
}

/** Whether pictures agree about the starts. */
function shared(results: Results): Finding {
  const told = ({ mean, low, high }: { mean: number; low: number; high: number }) =>
    `${mean.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`
  const pictures = results.at(selected, { setting, metric: rank, budget: main })
  const exact = results.at(selectedOf(1000), { setting: gaussian, metric: rank, budget: main })
  const mixtures = results.at(selectedOf(100), { setting: plane, metric: rank, budget: main })
  return {
    holds: pictures.low > 0,
    about: rank,
    text: `${told(pictures)} with the network, ${told(exact)} in the Gaussian case, ${told(mixtures)} where posteriors are mixtures`,
  }
}
