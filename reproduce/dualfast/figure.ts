import { linePlot } from '@espalier/cli'
import { distanceName, type Method } from 'espalier/measure'
import type { Files, ReproductionResult } from '../result.ts'
import { figureFiles, nfePlot } from '../support/report.ts'
import { levels, parts, settingOf, stepError } from './errors.ts'
import { ab2, bases, plain, tunedName, wrongWorld } from './experiment.ts'

const [first, noise2, data2, pc] = bases

/** DDIM and what it becomes, beside the controls; the solvers of second order; the split of the error. */
export function figures(result: ReproductionResult): Files {
  const tuned = (base: Method) => ({ method: tunedName(base) })
  const control = (base: Method) => ({ ...base, dashed: true })
  const of = (
    setting: string,
    title: string,
    methods: readonly { method: string; name?: string; dashed?: boolean }[],
  ) =>
    nfePlot(result, {
      ...{ title, setting, methods, metric: distanceName },
      subtitle: 'Distance to the fine solution from the same noise',
      y: { label: 'rms distance', log: true },
    })
  const aroundFirst = [first, plain(first), tuned(first), control(ab2), control(noise2), control(data2)]
  const aroundSecond = [noise2, data2, pc].flatMap((base) => [
    control(base),
    { ...tuned(base), name: `${base.method} + DualFast` },
  ])
  return figureFiles({
    figure: of('mnist', 'DualFast around DDIM, digits', aroundFirst),
    'second-order': of('mnist', 'Calibrated DualFast around solvers of second order, digits', aroundSecond),
    clothes: of('fashion', 'DualFast around DDIM, clothes', aroundFirst),
    'clothes-second-order': of('fashion', 'Calibrated DualFast around solvers of second order, clothes', aroundSecond),
    guided: of('mnist, w = 4', 'DualFast under guidance w = 4, digits', [
      ...[first, data2].flatMap((base) => [control(base), { method: plain(base).method }]),
      control(ab2),
    ]),
    world: of(wrongWorld, 'DualFast around DDIM, mixture with a wrong network', aroundFirst),
    split: linePlot({
      title: 'What one step does wrong',
      subtitle: `Mixture with a wrong network, one step of 0.2 in time; mean and 95% interval of ${result.seeds.length} seeds`,
      x: { label: 'time at the end of the step' },
      y: { label: 'rms error', log: true },
      series: Object.values(parts).map((method) => ({
        name: method,
        dashed: method === parts.perfect,
        points: levels.map((t) => {
          const row = result.table.find(
            (r) => r.setting === settingOf(t) && r.method === method && r.metric === stepError,
          )!
          return { x: t, y: row.mean, low: row.low, high: row.high }
        }),
      })),
    }),
  })
}
