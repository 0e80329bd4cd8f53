/** `espalier sample`: batches of samples, each row from its own key. */

import { readFileSync } from 'node:fs'
import { conditionRows, drawConditions, rowsOf } from 'espalier/guide'
import { nodeRuntime, writeFileAtomic } from 'espalier/node'
import type { Condition } from 'espalier/process'
import { counted, type NetworkCard } from 'espalier/runtime'
import { execute, nfeOf, start, stepsOf } from 'espalier/solve'
import { combine, concatenate, fold, key, readNpy, type Tensor, writeNpy, writeSafetensors } from 'espalier/tensor'
import { asUserError, UserError } from './errors.ts'
import { interruptible } from './interrupt.ts'
import { type DiffusionModel, openModel, readConditions } from './model.ts'
import { progressLine } from './progress.ts'
import { contactSheet, formatDuration, formatNumber, picturesOf, scatterPlot, svgToPng } from './report/index.ts'
import { RunFolder } from './run-folder.ts'
import { type GuidanceSettings, openSampler, resolved, type SamplerSettings } from './sampler.ts'
import { shellLine } from './shell-line.ts'

export interface SampleSettings extends SamplerSettings, GuidanceSettings {
  readonly model: string
  /** Default 64, or as many as there are conditions or start noises. */
  readonly count?: number
  readonly seed: number
  readonly batch: number
  /** File of standard normal numbers `[n, ...event]` to start from, instead of those that the seed gives. */
  readonly start?: string
  /** Conditions from files, `name=rows.npy` each: sample i takes row i, in turns. */
  readonly condition?: readonly string[]
  /** File for the samples as numpy reads them. */
  readonly outSamples?: string
}

export interface SampleRun {
  readonly settings: SampleSettings
  readonly out?: string
  readonly json: boolean
}

export async function runSample(run: SampleRun): Promise<void> {
  const { out, json } = run
  const settings = resolved(run.settings)
  const { batch, seed } = settings
  const runtime = nodeRuntime()
  const progress = progressLine()
  try {
    const model = await openModel(runtime, settings.model)
    const meter = { nfe: 0 }
    const { plan, asked, std } = await openSampler(model, settings, settings)
    const denoiser = counted(asked.denoiser, meter)
    const given = settings.start === undefined ? undefined : await readStart(settings.start, model)
    const rows = readConditions(model, settings.condition ?? [])
    const count = settings.count ?? given?.shape[0] ?? (rows ? rowsOf(rows) : 64)
    if (given && count > given.shape[0]) {
      throw new UserError(`--count ${count}: --start ${settings.start} has noise for ${given.shape[0]} samples`)
    }
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
          const x = given ? rowsFrom(given, first, keys.length, std) : start(plan, denoiser, keys, std)
          const condition = {
            ...(asked.condition && conditionRows(asked.condition, drawConditions(rowsOf(asked.condition), keys))),
            ...(rows &&
              conditionRows(
                rows,
                keys.map((_, i) => (first + i) % rowsOf(rows)),
              )),
          }
          const samples = await execute(plan, denoiser, x, {
            keys,
            condition,
            signal: interrupt.signal,
            onStep: () => progress.update({ label: 'sample', nfe: meter.nfe, budget }),
          }).catch((error) => {
            if (interrupt.signal.aborted) return undefined
            // What a network computes is its owner's to mend: the message names step, time and row.
            throw new UserError(`--model ${settings.model}: ${(error as Error).message}`)
          })
          if (samples) done.push(withMean(model, samples, condition))
          folder.event('batch', { rows: done.reduce((n, { shape }) => n + shape[0], 0), nfe: meter.nfe })
        }
        progress.clear()
        const seconds = (performance.now() - began) / 1000
        const files = done.length > 0 ? writeSamples(folder, model, concatenate(done), settings) : []
        if (settings.outSamples !== undefined && done.length > 0) {
          const target = settings.outSamples
          await asUserError(`--out-samples ${target}`, () => writeFileAtomic(target, writeNpy(concatenate(done))))
        }
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

/** The rows of `--start`. @throws UserError where they are no states of the model */
function readStart(file: string, { event, name }: DiffusionModel): Promise<Tensor> {
  return asUserError(`--start ${file}`, () => {
    const noise = readNpy(new Uint8Array(readFileSync(file)), file)
    const [n, ...rest] = noise.shape
    if (!(n >= 1) || `${rest}` !== `${event}`) {
      throw new UserError(`--start ${file}: the shape is [${noise.shape}]; ${name} starts from [n, ${event}], n >= 1`)
    }
    const broken = noise.data.findIndex((value) => !Number.isFinite(value))
    if (broken >= 0) throw new UserError(`--start ${file}: value ${broken} is ${noise.data[broken]}; give finite noise`)
    return noise
  })
}

/** Rows of the noise that was given, scaled to where the run starts. */
function rowsFrom({ shape: [n, ...event], data }: Tensor, first: number, count: number, std: number): Tensor {
  const size = data.length / n
  const rows = data.subarray(first * size, (first + count) * size)
  return { shape: [count, ...event], data: rows.map((z) => std * z) }
}

/** Of a process around a mean the states are residuals: adds the mean. */
function withMean({ card }: DiffusionModel, samples: Tensor, condition: Condition): Tensor {
  const mean = card.type === 'network' ? (card as NetworkCard).mean : undefined
  return mean === undefined ? samples : combine(samples, [1, 1], [samples, condition[mean]])
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
