import { degradedPicture, metrics, together } from '../support/restoration.ts'
import type { Results, Where } from '../support/results.ts'
import { type Finding, lower, show } from '../support/verdict.ts'
import { first, type Method, naivePosterior, ofNoise, posterior, sde, second } from './methods.ts'
import { guidedPlane, plane, w2 } from './plane.ts'
import { w1, world } from './world.ts'

/** The parts of the claim, each read off with its intervals: on the closed-form world, and on pictures. */
export function findings(results: Results): Finding[] {
  return [5, 10].flatMap((budget) => {
    const inTheWorld = { setting: world, metric: w1, budget }
    const inThePlane = { setting: plane, metric: w2, budget }
    const features = { setting: together, metric: metrics.feature, budget }
    const set = { setting: together, metric: metrics.fid, budget }
    const against = ({ method }: Method, where: Where) => lower(results, second.method, method, where)
    return [
      againstBaselines(results, inTheWorld),
      against(first, inTheWorld),
      against(ofNoise, inTheWorld),
      againstBaselines(results, inThePlane),
      against(first, inThePlane),
      against(posterior, { ...inThePlane, setting: guidedPlane, budget: 2 * budget }),
      ...[second, sde, posterior].map((m) => asGoodAsHundred(results, m, features)),
      againstBaselines(results, features),
      against(first, features),
      against(ofNoise, features),
      ...[second, sde, posterior].map((m) => asGoodAsHundred(results, m, set)),
      againstBaselines(results, set),
    ].flat()
  })
}

/** The share of what restoration wins that may be lost and still counts as equal: a few percent, as in the paper's tables. */
const margin = 0.05

function asGoodAsHundred(results: Results, { method }: Method, where: Where): Finding {
  const hundred = { ...where, budget: 100 }
  const [given, few, many] = [
    results.at(degradedPicture, { ...where, budget: undefined }).mean,
    results.at(method, where).mean,
    results.at(posterior.method, hundred).mean,
  ]
  const holds = results.lead(method, posterior.method, where, hundred).low > -margin * (given - many)
  const share = Math.round((100 * (given - few)) / (given - many))
  return {
    holds,
    about:
      `of what 100 steps of posterior sampling win over the degraded picture (${where.metric} ${show(given)} to ${show(many)}), ` +
      `${where.budget} steps win`,
    text: `${share}% by ${method} (${show(few)}), ${holds ? '' : 'not '}surely 95%`,
  }
}

/** Against posterior sampling as released and as it should be: how much of the gain is the mistake's? */
function againstBaselines(results: Results, where: Where): Finding[] {
  const [naive, fair, mr] = [naivePosterior, posterior, second].map(({ method }) => results.at(method, where).mean)
  const repaired = lower(results, second.method, posterior.method, where)
  const share = Math.round((100 * (naive - fair)) / (naive - mr))
  return [
    lower(results, second.method, naivePosterior.method, where),
    { ...repaired, text: `${repaired.text}: the right coefficients alone close ${share}% of the gap` },
  ]
}
