import { linePlot } from '@espalier/cli'
import { distanceName } from 'espalier/measure'
import type { Files, ReproductionResult, ReproductionRow } from '../result.ts'
import { figureFiles, nfePlot } from '../support/report.ts'
import { difference, settingAt, times } from './difference.ts'
import { metrics, type Sampler, samplers, settingOf } from './digits.ts'
import { largeAlone, nameOf, type Order, paperShare, shares, smallAlone } from './stitched.ts'
import { guidedToy, steps, toyName, toyShares, w2 } from './toy.ts'

const fileOf = ({ name }: Sampler) => name.toLowerCase().replace(/[^a-z0-9]+/g, '-')

/** CNN-FID over measured time for each sampler; the closed form over the share; where the two models differ. */
export function figures(result: ReproductionResult): Files {
  const { table, seeds } = result
  const find = (setting: string, metric: string, method: string, nfe?: number) =>
    table.find(
      (r) =>
        r.setting === setting && r.metric === metric && r.method === method && (nfe === undefined || r.nfe === nfe),
    )
  const value = (x: number | undefined, r: ReproductionRow | undefined) =>
    x === undefined || r === undefined || r.mean <= 0 ? [] : [{ x, y: r.mean, low: r.low, high: r.high }]

  // The intervals of CNN-FID are of the draw of the images, which all methods share: they would hide what is told in pairs.
  const meansOf = (points: ReturnType<typeof value>) => points.map(({ x, y }) => ({ x, y }))

  const ran = samplers.filter((sampler) => table.some((r) => r.setting === settingOf(sampler)))
  const swept = ran.filter(({ steps: n }) => n !== undefined)
  const overTime = Object.fromEntries(
    swept.map((sampler, i) => {
      const setting = settingOf(sampler)
      const most = sampler.steps!
      const at = (method: string, nfe = most) =>
        meansOf(value(find(setting, metrics.relativeTime, method, nfe)?.mean, find(setting, metrics.fid, method, nfe)))
      const sweep = (order: Order) => [
        ...at(largeAlone),
        ...shares.flatMap((r) => at(nameOf(order, r))),
        ...at(smallAlone),
      ]
      const fewer = table.filter(
        (r) => r.setting === setting && r.metric === metrics.fid && r.method === largeAlone && r.nfe <= most,
      )
      const series = [
        { name: 'small first', points: sweep('small first') },
        { name: 'large first', points: sweep('large first'), dashed: true },
        { name: 'fewer steps', points: fewer.flatMap(({ nfe }) => at(largeAlone, nfe)), dashed: true },
      ]
      const svg = linePlot({
        title: `Digits: quality for time, ${sampler.name}`,
        subtitle: `${most} steps, r = 0 to 1, or fewer steps of the large network; means of ${seeds.length} seeds`,
        series: series.map((s) => ({ ...s, points: [...s.points].sort((a, b) => a.x - b.x) })),
        x: {
          label: `measured time; 1 is ${find(setting, metrics.time, largeAlone, most)?.mean.toFixed(1)} ms an image`,
        },
        y: { label: metrics.fid, log: true },
      })
      return [i === 0 ? 'figure' : fileOf(sampler), svg]
    }),
  )

  const shown = (order: Order, metric: string) => [
    ...value(0, find(toyName, metric, largeAlone, steps)),
    ...toyShares.flatMap((r) => value(r, find(toyName, metric, nameOf(order, r), steps))),
    ...value(1, find(toyName, metric, smallAlone, steps)),
  ]
  const toy = linePlot({
    title: 'In closed form: three clusters, and the Gaussian with their mean and covariance',
    subtitle: `DDIM, ${steps} steps; distance to the exact end point; mean and 95%, ${seeds.length} seeds`,
    series: (['small first', 'large first'] as const).map((order) => ({
      name: order,
      points: shown(order, distanceName),
    })),
    x: { label: 'share r of the steps that the small model makes' },
    y: { label: 'rms distance', log: true },
  })
  const apart = linePlot({
    title: 'What the small model gets wrong, at each noise level',
    subtitle: `${difference}, on real states; mean and 95%, ${seeds.length} seeds`,
    series: [toyName, 'mnist'].map((name) => ({
      name: name === 'mnist' ? 'digits' : 'clusters',
      points: times.flatMap((t) => value(t, find(settingAt(name, t), difference, 'small against large'))),
    })),
    x: { label: 'time: 0 data, 1 noise' },
    y: { label: 'relative difference', log: true },
  })
  /** The paper's share over the number of steps; means, as above. */
  const overNfe = (setting: string, metric: string, title: string) =>
    nfePlot(
      { ...result, table: table.map((r) => (r.setting === setting ? { ...r, low: r.mean, high: r.mean } : r)) },
      {
        ...{ title, setting, metric, subtitle: `Means of ${seeds.length} seeds`, y: { label: metric, log: true } },
        methods: [
          { method: largeAlone },
          { method: nameOf('small first', paperShare) },
          { method: nameOf('large first', paperShare), dashed: true },
          { method: smallAlone, dashed: true },
        ],
      },
    )
  const counted = ran.filter(({ counts }) => counts.length > 1)
  const ofDigits = counted.map((sampler) => [
    `nfe-${fileOf(sampler)}`,
    overNfe(settingOf(sampler), metrics.fid, `Digits: 40% of the steps with the small network, ${sampler.name}`),
  ])
  return figureFiles({
    ...{ ...overTime, toy, difference: apart, ...Object.fromEntries(ofDigits) },
    'toy-nfe': overNfe(toyName, w2, 'In closed form: 40% of the steps with the small model'),
    'toy-guided': overNfe(guidedToy, w2, 'In closed form, under guidance w = 4'),
  })
}
