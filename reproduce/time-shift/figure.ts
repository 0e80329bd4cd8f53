import { linePlot } from '@espalier/cli'
import type { Files, ReproductionResult } from '../result.ts'
import { imageModelNames } from '../support/images.ts'
import { figureFiles, nfePlot } from '../support/report.ts'
import { relativeSpread, settingAt } from './exposure.ts'
import { dataVariance, gaussianMethod, gaussianName, gaussianShift, stepCounts } from './gaussian.ts'
import { guidedPlane, plane, w2 } from './plane.ts'
import { type Base, bases, guidedBases, nameOf, type Remedy, remedies as remedyNames, scale } from './variants.ts'

/**
 * Without intervals, which say how much the draw of the images matters, which all methods share; and without the floor,
 * which is another for another number of images.
 */
const meansOf = (result: ReproductionResult): ReproductionResult => ({
  ...result,
  table: result.table.filter(({ nfe }) => nfe > 0).map((row) => ({ ...row, low: row.mean, high: row.mean })),
})

/** A solver alone, and with remedies; dashed: the controls. */
const remediesOf = (base: Base, remedies: readonly Remedy[]) => [
  { method: nameOf(base) },
  ...remedies.map((r) => ({
    method: nameOf(base, r),
    name: remedyNames[r],
    dashed: r === 'constant' || r === 'scaled',
  })),
]

const times = Array.from({ length: 10 }, (_, k) => (9 - k) / 10)

/** The bias of a perfect network and of the real ones; CNN-FID of each solver with its remedies. */
export function figures(result: ReproductionResult): Files {
  const { table, seeds } = result
  const spread = (name: string, title: string, subtitle: string, methods: readonly string[]) => {
    const series = methods
      .map((method) => ({
        name: method,
        points: times.flatMap((t) =>
          table
            .filter((r) => r.metric === relativeSpread && r.method === method && r.setting === settingAt(name, t))
            .map(({ mean, low, high }) => ({ x: t, y: mean, low, high })),
        ),
      }))
      .filter(({ points }) => points.length > 0)
    if (series.length === 0) return undefined
    return linePlot({
      ...{ title, subtitle: `${subtitle}; mean and 95%, ${seeds.length} seeds`, series },
      x: { label: 'time: 0 data, 1 noise' },
      y: { label: relativeSpread },
      references: [{ y: 1, label: 'no bias' }],
    })
  }
  const networks = imageModelNames.flatMap((model) => {
    const title = model === 'mnist' ? 'digits' : 'clothes'
    const drift = spread(
      model,
      `Exposure bias on ${title}`,
      'States of a run against noised real images',
      bases.map(({ name }) => `${name}, 10 steps`),
    )
    const quality = bases.map((base) => {
      const svg = nfePlot(meansOf(result), {
        title: `${base.name} on ${title}, and its remedies`,
        subtitle: `Means of ${seeds.length} seeds, fewer images at more steps: to be compared at equal NFE`,
        ...{ setting: model, metric: 'CNN-FID', y: { label: 'CNN-FID', log: true } },
        methods: remediesOf(base, ['raw', 'calibrated', 'released', 'constant', 'scaled']),
      })
      return [`${model}-${base.name.toLowerCase()}`, svg] as const
    })
    const [ddim] = guidedBases
    const guided = nfePlot(meansOf(result), {
      title: `${ddim.name} under guidance w = ${scale} on ${title}`,
      subtitle: `Means of ${seeds.length} seeds`,
      ...{ setting: `${model}, w = ${scale}`, metric: 'CNN-FID', y: { label: 'CNN-FID', log: true } },
      methods: remediesOf(ddim, ['raw', 'constant', 'scaled']),
    })
    return [
      [model === 'mnist' ? 'figure' : `${model}-exposure`, drift] as const,
      ...quality,
      [`${model}-guided`, guided] as const,
    ]
  })
  const points = (setting: string, title: string) =>
    nfePlot(meansOf(result), {
      ...{ title, setting, metric: w2, y: { label: w2, log: true } },
      subtitle: `Two numbers, perfect network; means of ${seeds.length} seeds`,
      methods: remediesOf(guidedBases[0], ['raw', 'calibrated', 'constant', 'scaled']),
    })
  return figureFiles({
    ...{ plane: points(plane, 'DDIM on clusters, and its remedies') },
    ...{ 'plane-guided': points(guidedPlane, `DDIM on clusters under guidance w = ${scale}`) },
    ...Object.fromEntries(networks),
    gaussian: spread(
      gaussianName,
      'A perfect network: what is left is the solver',
      `Data N(0, ${dataVariance}), 784 values; plain DDIM in closed form`,
      [...stepCounts.map(gaussianMethod), gaussianShift.raw, gaussianShift.calibrated],
    ),
  })
}
