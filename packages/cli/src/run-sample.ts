/** `espalier sample`: batches of samples, each row from its own key. */

import { readFileSync } from 'node:fs'
import { conditionRows, drawConditions, rowsOf } from 'espalier/guide'
import { nodeRuntime } from 'espalier/node'
import { type GridName, grids } from 'espalier/process'
import { counted } from 'espalier/runtime'
import { execute, nfeOf, type Plan, parsePlan, start, stepsOf } from 'espalier/solve'
import { concatenate, fold, key, type Tensor, writeSafetensors } from 'espalier/tensor'
import { asUserError, UserError } from './errors.ts'
import { interruptible } from './interrupt.ts'
import { conditionedOn, type DiffusionModel, openModel } from './model.ts'
import { progressLine } from './progress.ts'
import { contactSheet, formatDuration, formatNumber, picturesOf, scatterPlot, svgToPng } from './report/index.ts'
import { RunFolder } from './run-folder.ts'
import { shellLine } from './shell-line.ts'
import { type SolverName, solvers } from './solvers.ts'

export interface SampleSettings {
  readonly model: string
  readonly count: number
  readonly solver: SolverName
  readonly steps: number
  readonly grid: GridName
  readonly eta: number
  /** File of a solver table. */
  readonly plan?: string
  readonly class?: string
  readonly guidance: number
  readonly seed: number
  readonly batch: number
}

export interface SampleRun {
  readonly settings: SampleSettings
  readonly out?: string
  readonly json: boolean
}

export async function runSample({ settings, out, json }: SampleRun): Promise<void> {
  const { count, batch, seed } = settings
  const runtime = nodeRuntime()
  const progress = progressLine()
  try {
    const model = await openModel(runtime, settings.model)
    const meter = { nfe: 0 }
    const asked = conditionedOn(model, settings.class, settings.guidance)
    const denoiser = counted(asked.denoiser, meter)
    const plan = await planOf(settings, model)
    const line = shellLine('sample', { ...settings })
    const folder = RunFolder.create({ command: 'sample', out, line, configuration: { ...settings }, seeds: [seed] })
    folder.write('plan.json', `${JSON.stringify(plan, null, 2)}\n`)
    const interrupt = interruptible((text) => progress.say(text))
    try {
      await folder.during(async () => {
        const began = performance.now()
        const budget = count * nfeOf(plan, 0, stepsOf(plan), denoiser)
        const root = key(seed)
        const done: Tensor[] = []
        for (let first = 0; first < count && !interrupt.signal.aborted; first += batch) {
          const keys = Array.from({ length: Math.min(batch, count - first) }, (_, i) => fold(root, first + i))
          const samples = await execute(plan, denoiser, start(plan, denoiser, keys), {
            keys,
            condition: asked.condition && conditionRows(asked.condition, drawConditions(rowsOf(asked.condition), keys)),
            signal: interrupt.signal,
            onStep: () => progress.update({ label: 'sample', nfe: meter.nfe, budget }),
          }).catch((error) => {
            if (interrupt.signal.aborted) return undefined
            // What a network computes is its owner's to mend: the message names step, time and row.
            throw new UserError(`--model ${settings.model}: ${(error as Error).message}`)
          })
          if (samples) done.push(samples)
          folder.event('batch', { rows: done.reduce((n, { shape }) => n + shape[0], 0), nfe: meter.nfe })
        }
        progress.clear()
        const seconds = (performance.now() - began) / 1000
        const files = done.length > 0 ? writeSamples(folder, model, concatenate(done), settings) : []
        const drawn = done.reduce((n, { shape }) => n + shape[0], 0)
        const result = {
          folder: folder.path,
          status: interrupt.signal.aborted ? ('stopped' as const) : ('done' as const),
          model: { name: model.name, sha256: model.sha256 },
          samples: drawn,
          nfe: meter.nfe,
          seconds,
          files,
        }
        if (json) process.stdout.write(`${JSON.stringify(result)}\n`)
        else {
          const spent = `${formatNumber(meter.nfe)} NFE in ${formatDuration(seconds)}`
          const what = files.map((file) => `  ${folder.path}/${file}\n`).join('')
          process.stdout.write(`${drawn} samples, ${stepsOf(plan)} steps of ${plan.name}, ${spent}\n${what}`)
        }
        return result
      })
    } finally {
      interrupt.release()
    }
  } finally {
    progress.clear()
    await runtime.close()
  }
}

function planOf(settings: SampleSettings, { denoiser: { process }, name }: DiffusionModel): Promise<Plan> {
  const { plan: file, solver, grid, steps, eta } = settings
  if (!file)
    return asUserError(`--solver ${solver}`, () => solvers[solver]({ eta })(process, grids[grid](process, steps)))
  return asUserError(`--plan ${file}`, () => {
    const plan = parsePlan(JSON.parse(readFileSync(file, 'utf8')))
    if (plan.process !== process.name) {
      throw new UserError(`--plan ${file} is for the process ${plan.process}; the model ${name} has ${process.name}`)
    }
    return plan
  })
}

/** @returns the files written */
function writeSamples(folder: RunFolder, model: DiffusionModel, samples: Tensor, { seed }: SampleSettings): string[] {
  const files: string[] = []
  const write = (name: string, data: Uint8Array | string) => {
    folder.write(name, data)
    files.push(name)
  }
  write('samples.safetensors', writeSafetensors({ samples }, { model: model.name, seed: String(seed) }))
  if (model.range) write('contact-sheet.png', contactSheet([{ pictures: picturesOf(samples, model.range) }]))
  if (model.event.length === 1 && model.event[0] === 2) {
    const points = Array.from({ length: samples.shape[0] }, (_, i) => ({
      x: samples.data[2 * i],
      y: samples.data[2 * i + 1],
    }))
    const svg = scatterPlot({
      title: `${points.length} samples of ${model.name}`,
      series: [{ name: 'samples', points }],
    })
    write('samples.svg', svg)
    write('samples.png', svgToPng(svg))
  }
  return files
}
