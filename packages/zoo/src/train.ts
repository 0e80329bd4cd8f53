import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Model, writeModel } from '@espalier/graph'
import { nodeRuntime, writeFileAtomic } from 'espalier/node'
import { bakeParameters, type TrainProgress, train } from 'espalier/train'
import type { Recipe, RecipeSettings } from './recipe.ts'
import { fashionJudge, mnistClassifier, mnistJudge } from './recipes/classifier.ts'
import { fashion, mnist, mnistFlow, mnistSmall } from './recipes/diffusion.ts'
import { mnistMinority } from './recipes/minority.ts'
import {
  fashionConditional,
  fashionRegression,
  fashionResShift4,
  fashionResShift15,
  fashionRestore,
} from './recipes/restoration.ts'
import {
  kjv,
  kjvAutoregressive,
  kjvJudge,
  kjvNce,
  kjvSection,
  words,
  wordsAutoregressive,
  wordsUniform,
} from './recipes/text.ts'

/** The recipes by name. */
export const recipes: Readonly<Record<string, Recipe>> = {
  mnist,
  'mnist-small': mnistSmall,
  'mnist-flow': mnistFlow,
  'mnist-classifier': mnistClassifier,
  'mnist-judge': mnistJudge,
  'mnist-minority': mnistMinority,
  fashion,
  'fashion-judge': fashionJudge,
  'fashion-restore-mr': fashionRestore,
  'fashion-sr-resshift4': fashionResShift4,
  'fashion-sr-resshift15': fashionResShift15,
  'fashion-sr-ddpm': fashionConditional,
  'fashion-sr-l2': fashionRegression,
  kjv,
  'kjv-autoregressive': kjvAutoregressive,
  'kjv-judge': kjvJudge,
  'kjv-nce': kjvNce,
  'kjv-section': kjvSection,
  words,
  'words-uniform': wordsUniform,
  'words-autoregressive': wordsAutoregressive,
}

export interface RunRecipeOptions extends Partial<RecipeSettings> {
  /** Where `checkpoint.safetensors`, `loss.jsonl`, `model.onnx` and `card.json` go. */
  readonly folder: string
  readonly onStep?: (progress: TrainProgress) => void
  /** Called with the share that is done of what a recipe computes before its training. */
  readonly onPrepare?: (share: number) => void
  /** Measure the finished model for its card (minutes for `mnist`). Default true. */
  readonly evaluate?: boolean
  /** Called during that measurement with the share that is done. */
  readonly onEvaluate?: (share: number) => void
  readonly signal?: AbortSignal
  /** Intra-op threads. Default: the physical cores. */
  readonly threads?: number
  /** Seconds between checkpoints. Default 60. */
  readonly checkpointEvery?: number
}

export interface RecipeResult {
  /** False when it was stopped, in training or in the measurement after it; run it again to go on. */
  readonly finished: boolean
  readonly step: number
  readonly steps: number
  readonly seconds: number
  /** The finished model's files. */
  readonly files: readonly string[]
  readonly metrics: object
}

/**
 * Trains a model of the zoo from its recipe, or continues where the folder's checkpoint stands, and writes the model
 * and its card. This is what `espalier train <name>` runs.
 *
 * @throws Error when there is no such recipe, the data are missing, or the folder holds another run's checkpoint
 */
export async function runRecipe(name: string, options: RunRecipeOptions): Promise<RecipeResult> {
  const recipe = Object.hasOwn(recipes, name) ? recipes[name] : undefined
  if (!recipe) throw new Error(`there is no recipe "${name}"; there are ${Object.keys(recipes).join(', ')}`)
  const settings = resolveSettings(recipe, options)
  const { folder } = options
  mkdirSync(folder, { recursive: true })
  const checkpoint = join(folder, 'checkpoint.safetensors')
  const losses = join(folder, 'loss.jsonl')
  const runtime = nodeRuntime({ workers: 0 })
  try {
    try {
      await recipe.prepare?.(folder, { signal: options.signal, onProgress: options.onPrepare })
    } catch (error) {
      if (options.signal?.aborted) return { finished: false, step: 0, steps: settings.steps, ...nothing }
      throw error
    }
    const task = recipe.task(settings, folder)
    let sum = 0
    let count = 0
    const result = await train(task, {
      runtime,
      steps: settings.steps,
      optimizer: recipe.optimizer(settings),
      ema: recipe.ema,
      threads: options.threads,
      checkpointEvery: options.checkpointEvery,
      fingerprint: `${name} seed ${settings.seed} batch ${settings.batch}`,
      signal: options.signal,
      store: {
        load: async () => (existsSync(checkpoint) ? readFileSync(checkpoint) : undefined),
        save: async (bytes) => writeFileAtomic(checkpoint, bytes),
      },
      onStep: async (progress) => {
        sum += progress.loss
        count++
        if (progress.step % 100 === 0) {
          const { step, gradientNorm, seconds } = progress
          appendFileSync(losses, `${JSON.stringify({ step, loss: sum / count, gradientNorm, seconds })}\n`)
          sum = count = 0
        }
        options.onStep?.(progress)
        // A run of the graph blocks this thread; let signals and timers through.
        if (progress.step % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
      },
    })
    const { step, seconds } = result
    const stopped = { ...nothing, finished: false, step, steps: settings.steps, seconds }
    if (step < settings.steps) return stopped
    const model = bakeParameters(task.model, result.average)
    const write = (metrics: object) =>
      exportModel(folder, recipe, model, {
        command: `espalier train ${name}`,
        data: recipe.data,
        ...recipe.details,
        ...settings,
        seconds: Math.round(seconds),
        parameters: task.parameters.reduce((total, p) => total + (result.average.get(p)?.length ?? 0), 0),
        metrics,
      })
    const known = measured(folder, model)
    const files = write(known)
    if (options.evaluate === false)
      return { finished: true, step, steps: settings.steps, seconds, files, metrics: known }
    try {
      const metrics = await recipe.evaluate(model, { folder, signal: options.signal, onProgress: options.onEvaluate })
      return { finished: true, step, steps: settings.steps, seconds, files: write(metrics), metrics }
    } catch (error) {
      if (options.signal?.aborted) return stopped
      throw error
    }
  } finally {
    await runtime.close()
  }
}

const nothing = { seconds: 0, files: [], metrics: {} }

function resolveSettings(recipe: Recipe, options: Partial<RecipeSettings>): RecipeSettings {
  const { seed = recipe.defaults.seed, steps = recipe.defaults.steps, batch = recipe.defaults.batch } = options
  for (const [what, value] of Object.entries({ steps, batch }))
    if (!(Number.isInteger(value) && value >= 1)) throw new Error(`${what} must be a whole number >= 1, got ${value}`)
  return { seed, steps, batch }
}

/** What the folder's card says of this very model, if it has been measured before. */
function measured(folder: string, model: Model): object {
  const file = join(folder, 'card.json')
  if (!existsSync(file)) return {}
  const { training } = JSON.parse(readFileSync(file, 'utf8')) as { training?: { sha256?: string; metrics?: object } }
  return training?.sha256 === hashOf(writeModel(model)) ? (training.metrics ?? {}) : {}
}

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Writes `model.onnx` and `card.json`, which names the model's hash. */
export function exportModel(
  folder: string,
  recipe: Recipe,
  model: Model,
  training: Readonly<Record<string, unknown>>,
): string[] {
  const bytes = writeModel(model)
  const sha256 = hashOf(bytes)
  const files = [join(folder, 'model.onnx'), join(folder, 'card.json')]
  writeFileAtomic(files[0], bytes)
  for (const [name, text] of Object.entries(recipe.files?.() ?? {})) {
    files.push(join(folder, name))
    writeFileAtomic(join(folder, name), text)
  }
  writeFileAtomic(files[1], `${JSON.stringify({ ...recipe.card(), training: { ...training, sha256 } }, null, 2)}\n`)
  return files
}
