/** `espalier train`: a recipe of the zoo, in a run folder. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { recipes, runRecipe } from '@espalier/zoo'
import { UserError } from './errors.ts'
import { interruptible } from './interrupt.ts'
import { progressLine } from './progress.ts'
import { formatDuration, formatNumber } from './report/index.ts'
import { RunFolder, readRunRecord } from './run-folder.ts'
import { shellLine } from './shell-line.ts'

export interface TrainRun {
  readonly recipe: string
  readonly out?: string
  readonly resume?: string
  readonly steps?: number
  readonly batch?: number
  readonly seed?: number
  readonly threads?: number
  /** Seconds. */
  readonly checkpointEvery: number
  /** Measure the finished model for its card. */
  readonly evaluate: boolean
  readonly json: boolean
}

export async function runTrain(run: TrainRun): Promise<void> {
  const { recipe, threads, checkpointEvery, evaluate, json } = run
  const path = run.resume ?? run.out ?? join('runs', `train-${recipe}`)
  const settings = settingsOf(run, path)
  const configuration = { recipe, ...settings, evaluate }
  const noEvaluate = !evaluate
  const line = shellLine(`train ${recipe}`, { ...settings, noEvaluate, out: path })
  const seeds = [settings.seed]
  const folder = existsSync(join(path, 'run.json'))
    ? RunFolder.resume(path, configuration)
    : RunFolder.create({ command: 'train', out: path, line, configuration, seeds })
  const progress = progressLine()
  const measuring = measurement(recipe)
  const interrupt = interruptible((text) => progress.say(text))
  try {
    await folder.during(async () => {
      const result = await runRecipe(recipe, {
        ...settings,
        folder: path,
        threads,
        checkpointEvery,
        evaluate,
        signal: interrupt.signal,
        onStep({ step, steps, loss, eta }) {
          progress.show(() => {
            const share = `${formatNumber(step)}/${formatNumber(steps)} (${Math.floor((100 * step) / steps)}%)`
            return `${recipe}  step ${share}  loss ${formatNumber(loss)}  ${formatDuration(eta)} left`
          })
          if (step % 1000 === 0) folder.event('progress', { step, loss })
        },
        onPrepare(share) {
          progress.show(() => `${recipe}  preparing ${Math.floor(100 * share)}%`)
        },
        onEvaluate(share) {
          const text = measuring(share)
          progress.show(() => text)
        },
      })
      progress.clear()
      const { finished, step, steps, seconds } = result
      if (json) process.stdout.write(`${JSON.stringify({ folder: path, ...result })}\n`)
      else if (finished) process.stdout.write(`${recipe}: ${steps} steps in ${formatDuration(seconds)}\n${path}\n`)
      else {
        const where = step < steps ? `after step ${step} of ${steps}` : 'while measuring; the trained model is written'
        const again = shellLine(`train ${recipe}`, { noEvaluate, resume: path })
        process.stdout.write(`Stopped ${where}; go on with: ${again}\n`)
      }
      return { ...result, status: finished ? ('done' as const) : ('stopped' as const) }
    })
  } finally {
    progress.clear()
    interrupt.release()
  }
}

/**
 * Makes the progress line of a measurement: `mnist  measuring 40%  4 min left`. The pace counts from the first report
 * on, because what precedes it (the training of this session, loading) says nothing about it.
 */
export function measurement(recipe: string, now: () => number = () => performance.now()): (share: number) => string {
  let first: { readonly share: number; readonly time: number } | undefined
  return (share) => {
    first ??= { share, time: now() }
    const text = `${recipe}  measuring ${Math.floor(100 * share)}%`
    // After the last share, a final comparison of unknown length may follow.
    if (share <= first.share || share >= 1) return text
    const secondsPerShare = (now() - first.time) / 1000 / (share - first.share)
    return `${text}  ${formatDuration(secondsPerShare * (1 - share))} left`
  }
}

/** What is given, else what the folder's run was started with, else the recipe's own. */
function settingsOf({ recipe, resume, steps, batch, seed }: TrainRun, path: string) {
  const { defaults } = recipes[recipe]
  const started = existsSync(join(path, 'run.json'))
  if (resume && !started) throw new UserError(`--resume ${path}: there is no run to continue`)
  const earlier = started ? readRunRecord(path) : undefined
  if (earlier && (earlier.command !== 'train' || earlier.configuration.recipe !== recipe)) {
    throw new UserError(`${path} holds another run (${earlier.line}); name another folder with --out`)
  }
  const before = (earlier?.configuration ?? defaults) as typeof defaults
  const given = { seed: seed ?? before.seed, steps: steps ?? before.steps, batch: batch ?? before.batch }
  for (const name of ['seed', 'steps', 'batch'] as const) {
    if (earlier && given[name] !== before[name]) {
      throw new UserError(
        `--${name} ${given[name]}: the run in ${path} has ${before[name]}; name another folder with --out`,
      )
    }
  }
  return given
}
