import type { Model } from '@espalier/graph'
import type { AdamWOptions, Task } from 'espalier/train'

export interface RecipeSettings {
  readonly seed: number
  readonly steps: number
  readonly batch: number
}

export interface EvaluateOptions {
  readonly onProgress?: (share: number) => void
  readonly signal?: AbortSignal
}

/** How one model of the zoo is trained: data, network, loss, optimiser, and what its card says. */
export interface Recipe {
  readonly name: string
  /** One line for `--help` and the card. */
  readonly title: string
  /** What it learns from. */
  readonly data: string
  /** More that the card's `training` entry says. */
  readonly details?: Readonly<Record<string, unknown>>
  readonly defaults: RecipeSettings
  /** Computes what the task needs beyond the data, and keeps it in the run's folder: once, a run that goes on finds it. */
  prepare?(folder: string, options: EvaluateOptions): Promise<void>
  /** @param folder of the run, where something was prepared */
  task(settings: RecipeSettings, folder?: string): Task
  optimizer(settings: RecipeSettings): AdamWOptions
  /** Decay of the moving average of the weights; the average is what is exported. */
  readonly ema: number
  /** Further files of the model, by name, such as its tokenizer. */
  files?(): Readonly<Record<string, string>>
  /** The card without its `training` entry. */
  card(): Readonly<Record<string, unknown>>
  /** Numbers about the trained model, for the card. `onProgress` gets the share that is done. */
  evaluate(model: Model, options?: EvaluateOptions & { readonly folder?: string }): Promise<object>
}
