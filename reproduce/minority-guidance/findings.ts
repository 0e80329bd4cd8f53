import type { Results } from '../support/results.ts'
import { type Finding, show } from '../support/verdict.ts'
import { classesOf, names, scales, setting, usual } from './experiment.ts'
import { metrics } from './world.ts'

const rarest = 9
const densities = [metrics.distance, metrics.lof, metrics.rarity, metrics.score] as const
const at = (metric: string) => ({ setting, metric })

/** The parts of the claim, as far as the seeds show them. */
export function findings(results: Results, quick: boolean): Finding[] {
  const mean = (method: string, metric: string) => results.at(method, at(metric)).mean
  const guided = names.guided(rarest, usual)
  const gain = (metric: string) => `${Math.round(100 * (mean(guided, metric) / mean(names.plain, metric) - 1))} %`

  const shifts = densities.map((metric): Finding => {
    const { low } = results.lead(names.plain, guided, at(metric))
    return {
      holds: low > 0,
      about: `the rarest class at w = ${usual} against plain samples`,
      text: `${metric} ${low > 0 ? 'is higher by' : 'is not higher beyond doubt, by'} ${gain(metric)}`,
    }
  })
  const classes = classesOf(quick)
  const orders = densities.map((metric): Finding => {
    const values = classes.map((label) => mean(names.guided(label, usual), metric))
    const holds = values.every((value, i) => i === 0 || value > values[i - 1])
    return {
      holds,
      about: `over the classes ${classes.join(', ')}`,
      text: `${metric} ${holds ? 'rises at every one' : 'does not always rise'} (${values.map(show).join(', ')})`,
    }
  })
  const strengths = densities.map((metric): Finding => {
    const values = scales.map((w) => mean(names.guided(rarest, w), metric))
    const { low } = results.lead(names.guided(rarest, 1), names.guided(rarest, 4), at(metric))
    return {
      holds: low > 0,
      about: `the rarest class over w = ${scales.join(', ')}`,
      text: `${metric} ${low > 0 ? 'rises' : 'does not rise beyond doubt'} (${values.map(show).join(', ')})`,
    }
  })
  const more = results.lead(names.plain, guided, at(metrics.outside))
  const share = (method: string) => `${show(100 * mean(method, metrics.outside))} %`
  const quality: Finding[] = [
    { ...closer(results, guided), about: 'quality' },
    {
      holds: more.low <= 0,
      about: 'quality',
      text: `${share(guided)} of the samples lie out of the manifold, of plain ones ${share(names.plain)}, of real digits of that class ${share(names.real(rarest))}`,
    },
    { ...sure(results, guided), about: 'quality' },
  ]
  if (quick) return [...shifts, ...orders, ...strengths, ...quality]
  const controls = densities.map((metric): Finding => {
    const none = results.lead(names.plain, names.shuffled, at(metric))
    const true_ = results.lead(names.shuffled, names.short, at(metric))
    return {
      holds: true_.low > 0,
      about: 'the same short training on shuffled and on true labels',
      text: `${metric} ${none.low > 0 || none.high < 0 ? 'moves' : 'does not move'} with shuffled labels (${show(mean(names.shuffled, metric))}; plain ${show(mean(names.plain, metric))}) and ${true_.low > 0 ? 'rises' : 'does not rise'} with true ones (${show(mean(names.short, metric))})`,
    }
  })
  return [...shifts, ...orders, ...strengths, ...quality, ...controls]
}

function closer(results: Results, guided: string): Omit<Finding, 'about'> {
  const [ours, plain] = [guided, names.plain].map((method) => results.at(method, at(metrics.fid)).mean)
  const { low } = results.lead(guided, names.plain, at(metrics.fid))
  const told = low > 0 ? 'is lower than' : 'is not told to be lower than'
  return { holds: low > 0, text: `the ${metrics.fid} (${show(ours)}) ${told} that of plain samples (${show(plain)})` }
}

function sure(results: Results, guided: string): Omit<Finding, 'about'> {
  const [ours, plain] = [guided, names.plain].map((method) => results.at(method, at(metrics.sure)).mean)
  const { low } = results.lead(guided, names.plain, at(metrics.sure))
  const told = low > 0 ? 'is less sure of them' : 'is as sure of them'
  return { holds: low <= 0, text: `the judge ${told} (log p ${show(ours)}; plain ${show(plain)})` }
}
