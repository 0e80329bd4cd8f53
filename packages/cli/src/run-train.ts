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
  readonly json: boolean
}

export async function runTrain(run: TrainRun): Promise<void> {
  const { recipe, threads, checkpointEvery, json } = run
  const path = run.resume ?? run.out ?? join('runs', `train-${recipe}`)
  const settings = settingsOf(run, path)
  const configuration = { recipe, ...settings }
  const line = `${shellLine(`train ${recipe}`, { ...settings, out: path })}`
  const seeds = [settings.seed]
  const folder = existsSync(join(path, 'run.json'))
    ? RunFolder.resume(path, configuration)
    : RunFolder.create({ command: 'train', out: path, line, configuration, seeds })
  const progress = progressLine()
  const interrupt = interruptible((text) => progress.say(text))
  try {
    await folder.during(async () => {
      const result = await runRecipe(recipe, {
        ...settings,
        folder: path,
        threads,
        checkpointEvery,
        signal: interrupt.signal,
        onStep({ step, steps, loss, eta }) {
          progress.show(() => {
            const share = `${formatNumber(step)}/${formatNumber(steps)} (${Math.floor((100 * step) / steps)}%)`
            return `${recipe}  step ${share}  loss ${formatNumber(loss)}  ${formatDuration(eta)} left`
          })
          if (step % 1000 === 0) folder.event('progress', { step, loss })
        },
      })
      progress.clear()
      const { finished, step, steps, seconds } = result
      if (json) process.stdout.write(`${JSON.stringify({ folder: path, ...result })}\n`)
      else if (finished) process.stdout.write(`${recipe}: ${steps} steps in ${formatDuration(seconds)}\n${path}\n`)
      else
        process.stdout.write(
          `Stopped after step ${step} of ${steps}; go on with: espalier train ${recipe} --resume ${path}\n`,
        )
      return { ...result, status: finished ? ('done' as const) : ('stopped' as const) }
    })
  } finally {
    progress.clear()
    interrupt.release()
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
