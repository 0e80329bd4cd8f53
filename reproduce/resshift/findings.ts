import { metrics } from '../support/restoration.ts'
import type { Results } from '../support/results.ts'
import { type Finding, lower, show } from '../support/verdict.ts'
import { ancestral, fromNoise, fromNoise2, type Method, regression, resShift4, resShift15, strided } from './methods.ts'
import { posteriorSpread, setting, spread } from './pictures.ts'
import { guidedPlane, plane, w2 } from './plane.ts'

const larger: readonly string[] = [metrics.psnr, metrics.ssim, spread]

/** Whether method a is better than b, seed by seed, beyond doubt; larger is better for some metrics. */
function better(results: Results, metric: string, a: readonly [Method, number], b: readonly [Method, number]): Finding {
  const [left, right] = [a, b].map(([, budget]) => ({ setting, metric, budget }))
  const sign = larger.includes(metric) ? -1 : 1
  const { low, high } = results.lead(a[0].method, b[0].method, left, right)
  const [least, most] = sign > 0 ? [low, high] : [-high, -low]
  const told = least > 0 ? 'is better than' : most < 0 ? 'is worse than' : 'is not told apart from'
  const named = ([{ method }, budget]: readonly [Method, number], where: typeof left) =>
    `${method} (${budget} NFE, ${show(results.at(method, where).mean)})`
  return { holds: least > 0, about: metric, text: `${named(a, left)} ${told} ${named(b, right)}` }
}

/** The parts of the claim, each read off with its intervals. */
export function findings(results: Results): Finding[] {
  const of = (metric: string, a: readonly [Method, number], ...others: (readonly [Method, number])[]) =>
    others.map((b) => better(results, metric, a, b))
  const [four, fifteen] = [[resShift4, 4] as const, [resShift15, 15] as const]
  const [ddim4, ddim15, ddim100] = [4, 15, 100].map((budget) => [fromNoise, budget] as const)
  const [second4, second15] = [4, 15].map((budget) => [fromNoise2, budget] as const)
  const mean = [regression, 1] as const
  return [
    ...[metrics.feature, metrics.fid].flatMap((metric) => [
      ...of(metric, four, ddim4, second4, [ancestral, 4], ddim15, ddim100, [strided, 4], mean),
      ...of(metric, fifteen, ddim15, second15, [ancestral, 15], ddim100, four),
    ]),
    ...[metrics.psnr, metrics.ssim].flatMap((metric) => [
      ...of(metric, four, ddim4, ddim100),
      ...of(metric, mean, four),
    ]),
    ...of(metrics.psnr, four, fifteen),
    ...of(spread, fifteen, four),
    ...(
      [
        [plane, 4],
        [plane, 15],
        [guidedPlane, 8],
        [guidedPlane, 20],
      ] as const
    ).flatMap(([world, budget]) =>
      [fromNoise, fromNoise2, ancestral].map(({ method }) =>
        lower(results, resShift4.method, method, { setting: world, metric: w2, budget }),
      ),
    ),
  ]
}

/** No part of the claim, but what few steps cost: the spread that is left of the posterior's. */
export function collapse(results: Results): string {
  const whole = results.at(posteriorSpread, { setting, metric: spread }).mean
  const share = (method: string, budget: number) =>
    `${Math.round((100 * results.at(method, { setting, metric: spread, budget }).mean) / whole)}% for ${method} at ${budget} NFE`
  const shares = [share(resShift4.method, 4), share(resShift15.method, 15), share(fromNoise.method, 100)]
  return `Of the posterior's spread (at most ${show(whole)}, the error of the regression) there is left ${shares.join(', ')}.`
}
