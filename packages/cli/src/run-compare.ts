/** `espalier compare`: solvers from the same noise, at equal budgets, with intervals over seeds. */

import { classify, type DataSet, fashionData, imagesTensor, loadZoo, mnistData } from '@espalier/zoo'
import { conditionRows, rowsOf } from 'espalier/guide'
import {
  type ComparisonRow,
  compareSolvers,
  distanceName,
  frechetMetric,
  type Metric,
  Results,
  type Subject,
  worldSubject,
  worldW2,
} from 'espalier/measure'
import { nodeRuntime } from 'espalier/node'
import { type Condition, gridFrom } from 'espalier/process'
import { dpmSolverPlusPlus, solverFrom } from 'espalier/solve'
import { asUserError, UserError } from './errors.ts'
import { interruptible } from './interrupt.ts'
import { type DiffusionModel, openModel, readConditions } from './model.ts'
import { progressLine } from './progress.ts'
import { formatInterval, linePlot, svgToPng, type Table, tableToText } from './report/index.ts'
import { RunFolder } from './run-folder.ts'
import { type GuidanceSettings, guided } from './sampler.ts'
import { shellLine } from './shell-line.ts'

export interface CompareSettings extends GuidanceSettings {
  readonly model: string
  readonly solvers: readonly string[]
  readonly grid: string
  /** Budgets in steps of the grid, or in NFE a sample: one of the two. */
  readonly steps?: readonly number[]
  readonly nfe?: readonly number[]
  readonly count: number
  readonly seeds: readonly number[]
  /** Steps of the solution that distances are taken to. */
  readonly referenceSteps: number
  /** Adds the CNN-FID, for the zoo's class-conditional networks. */
  readonly fid: boolean
  /** Conditions from files, `name=rows.npy` each; samples take their rows in turns. */
  readonly condition?: readonly string[]
  readonly batch: number
}

export interface CompareRun {
  readonly settings: CompareSettings
  readonly out?: string
  readonly json: boolean
}

export async function runCompare({ settings, out, json }: CompareRun): Promise<void> {
  const { solvers, steps, nfe, seeds, count } = settings
  if ((steps === undefined) === (nfe === undefined)) throw new UserError('one of --steps and --nfe is needed')
  const runtime = nodeRuntime()
  const progress = progressLine()
  try {
    const model = await openModel(runtime, settings.model)
    const subject = await subjectOf(model, settings)
    const metrics = metricsOf(model, settings)
    const line = shellLine('compare', { ...settings, solvers: solvers.join(',') })
    const folder = RunFolder.create({ command: 'compare', out, line, configuration: { ...settings }, seeds })
    await folder.during(async () => {
      const results = new Results(seeds)
      const comparison = {
        subject,
        metrics,
        methods: solvers.map((text) => ({ method: text, solver: solverFrom(text) })),
        budgets: steps ?? nfe!,
        unit: steps ? ('steps' as const) : ('nfe' as const),
        grid: gridFrom(settings.grid),
        samples: count,
        reference: {
          solver: dpmSolverPlusPlus({ order: 3, lowerOrderFinal: false }),
          steps: settings.referenceSteps,
          samples: Math.min(count, 64),
        },
      }
      const began = performance.now()
      const interrupt = interruptible((text) => progress.say(text))
      await asUserError('compare', () =>
        compareSolvers(
          [comparison],
          results,
          (done, what) => progress.show(() => `${Math.floor(100 * done)}%  ${what}`),
          interrupt.signal,
        ).catch((error) => {
          if (!interrupt.signal.aborted) throw error
        }),
      ).finally(() => interrupt.release())
      progress.clear()
      const rows = results.rows()
      const files = writeFiles(folder, model, rows, settings)
      const seconds = (performance.now() - began) / 1000
      const status = interrupt.signal.aborted ? ('stopped' as const) : ('done' as const)
      const result = { status, folder: folder.path, rows, seconds, files }
      if (json) process.stdout.write(`${JSON.stringify(result)}\n`)
      else
        process.stdout.write(`${tableToText(tableOf(rows))}\n${files.map((f) => `  ${folder.path}/${f}\n`).join('')}`)
      return result
    })
  } finally {
    progress.clear()
    await runtime.close()
  }
}

/** The model under guidance; classes, and rows that are given, take turns. */
async function subjectOf(model: DiffusionModel, settings: CompareSettings): Promise<Subject> {
  const asked = await guided(model, settings, model.denoiser)
  const rows = readConditions(model, settings.condition ?? [])
  const given = [asked.condition, rows].filter((condition) => condition !== undefined)
  const common = { name: settings.model, denoiser: asked.denoiser, batch: settings.batch }
  if (given.length > 0) {
    const turns = (condition: Condition, samples: readonly number[]) =>
      conditionRows(
        condition,
        samples.map((i) => i % rowsOf(condition)),
      )
    return {
      ...common,
      condition: (samples) => Object.assign({}, ...given.map((condition) => turns(condition, samples))),
    }
  }
  const { world, name, denoiser } = model
  return world ? { ...worldSubject(name, world, denoiser.process), ...common } : common
}

function metricsOf(model: DiffusionModel, { fid, seeds, count }: CompareSettings): Metric[] {
  if (model.world && !fid) return [worldW2(model.world, seeds, count)]
  return fid ? [cnnFid(model.name, seeds.length, count)] : []
}

const dataSets: Readonly<Record<string, DataSet>> = { mnist: mnistData, fashion: fashionData }

function cnnFid(name: string, seeds: number, count: number): Metric {
  if (!Object.hasOwn(dataSets, name)) {
    throw new UserError(`--fid: the zoo has data and a judge for ${Object.keys(dataSets).join(', ')}, not for ${name}`)
  }
  const judge = loadZoo(`${name}-judge`).model
  const train = dataSets[name].read('train')
  return frechetMetric('CNN-FID', async (images) => (await classify(judge, images)).features, {
    target: imagesTensor(dataSets[name].read('test')),
    floor: Array.from({ length: seeds }, (_, i) => imagesTensor(train, i * count, (i + 1) * count)),
    floorName: 'training images',
  })
}

function tableOf(rows: readonly ComparisonRow[]): Table {
  return {
    columns: [
      { name: 'metric' },
      { name: 'solver' },
      { name: 'NFE', right: true },
      { name: 'mean [95%]', right: true },
    ],
    rows: [...rows]
      .sort((p, q) => p.metric.localeCompare(q.metric) || p.nfe - q.nfe || p.mean - q.mean)
      .map((row) => [row.metric, row.method, row.nfe === 0 ? '' : String(row.nfe), formatInterval(row)]),
  }
}

/** One plot a metric. @returns the files written */
function writeFiles(
  folder: RunFolder,
  model: DiffusionModel,
  rows: readonly ComparisonRow[],
  settings: CompareSettings,
) {
  const files = ['comparison.json']
  folder.write('comparison.json', `${JSON.stringify(rows, null, 2)}\n`)
  for (const metric of new Set(rows.map((row) => row.metric))) {
    const shown = rows.filter((row) => row.metric === metric && row.mean > 0)
    const series = settings.solvers
      .map((name) => ({
        name,
        points: shown
          .filter((row) => row.method === name && row.nfe > 0)
          .map(({ nfe: x, mean: y, low, high }) => ({ x, y, low, high })),
      }))
      .filter(({ points }) => points.length > 0)
    if (series.length === 0) continue
    const svg = linePlot({
      title: `${metric} of ${model.name}`,
      subtitle: `${settings.count} samples a seed, ${settings.seeds.length} seeds, grid ${settings.grid}; mean and 95% interval`,
      x: { label: 'NFE a sample', log: true },
      y: { label: metric, log: true },
      series,
      references: shown.filter(({ nfe }) => nfe === 0).map(({ mean, method }) => ({ y: mean, label: method })),
    })
    const name = metric === distanceName ? 'distance' : metric.toLowerCase().replace(/[^a-z0-9]+/g, '-')
    folder.write(`${name}.svg`, svg)
    folder.write(`${name}.png`, svgToPng(svg))
    files.push(`${name}.svg`, `${name}.png`)
  }
  return files
}
