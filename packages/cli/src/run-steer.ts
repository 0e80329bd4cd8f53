/** `espalier steer` and `espalier demo`: every seed, reward and method in turn, everything on the disk as it goes. */

import { nodeRuntime } from 'espalier/node'
import type { Runtime } from 'espalier/runtime'
import { UserError } from './errors.ts'
import { interruptible } from './interrupt.ts'
import { type ProgressLine, progressLine } from './progress.ts'
import { formatNumber } from './report/index.ts'
import { aboutReward } from './rewards.ts'
import { RunFolder, type RunStatus } from './run-folder.ts'
import { shellLine } from './shell-line.ts'
import { runTrial, type Steering, type SteerSettings, setUpSteering, type Trial } from './steering.ts'
import {
  bestReward,
  type Comparison,
  printComparisons,
  printTexts,
  summarise,
  writeSteeringReport,
} from './steering-report.ts'
import { setUpTextSteering, type TextSteerSettings } from './text-steering.ts'
import { loadSearch, loadTrial, saveSearch, saveTrial, type TrialName } from './trial-files.ts'

export interface SteerRun {
  readonly command: string
  readonly settings: SteerSettings | TextSteerSettings
  /** Texts that are printed at the end. Default 4. */
  readonly samples?: number
  /** Folder of the run that goes on. */
  readonly resume?: string
  readonly out?: string
  /** Seconds. */
  readonly deadline?: number
  /** Seconds. */
  readonly checkpointEvery: number
  readonly json: boolean
}

/** @throws UserError for what the user can put right, a model or a reward that fails included */
export async function runSteer(run: SteerRun): Promise<void> {
  const { settings } = run
  const runtime = nodeRuntime()
  const progress = progressLine()
  try {
    const steering = await openSteering(runtime, settings)
    const folder = openFolder(run)
    const interrupt = interruptible((text) => progress.say(text))
    const { signal, clear } = withDeadline(interrupt.signal, run.deadline)
    try {
      const result = await folder.during(async () => {
        const trials = await searchAll({ run, steering, folder, signal, progress })
        progress.clear()
        return conclude(run, steering, folder, trials, signal.aborted)
      })
      const failed = result.runs.find(({ failure }) => failure)
      if (failed) throw new UserError(`${failed.failure} (what was found before is in ${folder.path})`)
    } finally {
      clear()
      interrupt.release()
    }
  } finally {
    progress.clear()
    await runtime.close()
  }
}

function openSteering(runtime: Runtime, settings: SteerSettings | TextSteerSettings): Promise<Steering> {
  return 'sampler' in settings ? setUpTextSteering(runtime, settings) : setUpSteering(runtime, settings)
}

/**
 * A signal that is also given when the time is over. Held by its timer: `AbortSignal.any` of a `timeout` may be collected
 * as garbage before it fires (Node 20).
 */
function withDeadline(signal: AbortSignal, seconds?: number): { readonly signal: AbortSignal; clear(): void } {
  if (seconds === undefined) return { signal, clear() {} }
  const due = new AbortController()
  const stop = () => due.abort()
  signal.addEventListener('abort', stop, { once: true })
  // The longest time that a timer knows is 25 days.
  const timer = setTimeout(stop, Math.min(Math.ceil(1000 * seconds), 2 ** 31 - 1))
  return {
    signal: due.signal,
    clear() {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
    },
  }
}

/** The shell line that repeats a run of these settings. */
export function steerLine({ rewards, methods, ...settings }: SteerSettings | TextSteerSettings): string {
  return shellLine('steer', { ...settings, reward: rewards, method: methods.join(',') })
}

function openFolder({ command, settings, resume, out }: SteerRun): RunFolder {
  const configuration = { ...settings }
  if (resume) return RunFolder.resume(resume, configuration)
  return RunFolder.create({ command, out, line: steerLine(settings), configuration, seeds: settings.seeds })
}

interface Context {
  readonly run: SteerRun
  readonly steering: Steering
  readonly folder: RunFolder
  readonly signal: AbortSignal
  readonly progress: ProgressLine
}

/** Seeds go outermost, so that a run that is stopped early still compares its methods on the same seeds. */
async function searchAll(context: Context): Promise<Trial[]> {
  const { rewards, methods, seeds } = context.run.settings
  const trials: Trial[] = []
  for (const seed of seeds) {
    for (const reward of rewards) {
      for (const method of methods) {
        if (context.signal.aborted) return trials
        const trial = await search(context, { reward, method, seed })
        trials.push(trial)
        if (trial.failure) return trials
      }
    }
  }
  return trials
}

async function search(context: Context, name: TrialName): Promise<Trial> {
  const { run, steering, folder, signal, progress } = context
  const { settings, resume, checkpointEvery } = run
  if (resume) {
    const done = await loadTrial(resume, name)
    // A search that ended by its own budget would only repeat itself.
    if (done && done.result.stopped === 'budget' && done.budget === settings.budget) return done
  }
  const earlier = resume ? await loadSearch(resume, name) : undefined
  const before = earlier?.seconds ?? 0
  const started = performance.now()
  const elapsed = () => before + (performance.now() - started) / 1000
  let best = Number.NEGATIVE_INFINITY
  let text: string | undefined
  let nfe = 0
  let saved = performance.now()
  const { notes, spell } = steering
  folder.event('search', { ...name, resumed: earlier !== undefined })
  const trial = await runTrial(steering, {
    ...settings,
    ...name,
    signal,
    resume: earlier?.saved,
    onProgress(state, sample) {
      if (sample && spell && state.best > best) text = spell(sample)
      progress.update({ label: `${name.method} for ${name.reward}, seed ${name.seed}`, ...state, text })
      nfe = state.nfe
      if (!(state.best > best)) return
      best = state.best
      folder.event('best', { ...name, nfe: state.nfe, best, text })
    },
    onCheckpoint(save) {
      if (performance.now() - saved < 1000 * checkpointEvery) return
      saveSearch(folder, name, save(), { ...notes, seconds: elapsed() })
      folder.event('checkpoint', { ...name, nfe })
      saved = performance.now()
    },
  })
  const whole = { ...trial, seconds: elapsed() }
  saveTrial(folder, whole, notes)
  const { nfe: spent, stopped } = trial.result
  folder.event('search done', { ...name, nfe: spent, best: bestReward(trial.result), stopped })
  return whole
}

/** Pictures, page and the printed answer; returns what `run.json` keeps. */
function conclude(
  { settings, json, samples }: SteerRun,
  { model, notes, facts, spell }: Steering,
  folder: RunFolder,
  trials: readonly Trial[],
  stopped: boolean,
) {
  const { rewards, methods, budget, seeds, lambda } = settings
  const comparisons: Comparison[] = rewards.map((reward) => ({
    reward,
    about: aboutReward(reward),
    budget,
    trials: trials.filter((trial) => trial.reward === reward),
  }))
  const labels = sentence(methods)
  const files = writeSteeringReport(folder, {
    title: `${labels} on ${model.name}`,
    lead:
      `${labels} searched the samples of ${model.name} for large ${sentence(rewards)}, each with ` +
      `${formatNumber(budget)} network evaluations per seed, on ${seeds.length > 1 ? `the same ${seeds.length} seeds` : 'one seed'}.` +
      `${stopped ? ' The run was stopped early.' : ''}`,
    facts: [
      ['model', model.name],
      ['budget per search', `${formatNumber(budget)} NFE`],
      ['seeds', seeds.join(', ')],
      ...facts,
      ['lambda', String(lambda)],
    ],
    comparisons,
    range: notes.range,
    spell,
    command: steerLine(settings),
    configuration: settings,
  })
  const result = {
    folder: folder.path,
    status: statusOf(trials, stopped),
    model: { name: model.name, sha256: model.sha256 },
    summary: comparisons.flatMap(({ reward, trials }) => summarise(trials).map((summary) => ({ reward, ...summary }))),
    runs: trials.map(({ reward, method, seed, seconds, failure, result: r }) => ({
      reward,
      method,
      seed,
      best: r.best < 0 ? null : bestReward(r),
      text: spell && r.best >= 0 ? spell(r.candidates[r.best].sample) : undefined,
      selected: r.selected < 0 ? null : r.candidates[r.selected].reward,
      logZ: r.logZ,
      nfe: r.nfe,
      gradientEvaluations: r.gradientEvaluations,
      rewardEvaluations: r.rewardEvaluations,
      candidates: r.candidates.length,
      seconds,
      stopped: r.stopped,
      failure,
    })),
    files,
  }
  if (json) process.stdout.write(`${JSON.stringify(result)}\n`)
  else if (files.length === 0) process.stdout.write(`Nothing was found yet. ${folder.path}\n`)
  else {
    const texts = spell ? `${printTexts(comparisons, spell, samples)}\n` : ''
    process.stdout.write(`${printComparisons(comparisons)}\n${texts}${listFiles(folder.path, files)}`)
  }
  return result
}

/** `a`, `a and b`, `a, b and c`. */
function sentence(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} and ${words[words.length - 1]}`
}

function statusOf(trials: readonly Trial[], stopped: boolean): RunStatus {
  if (trials.some(({ failure }) => failure !== undefined)) return 'failed'
  return stopped ? 'stopped' : 'done'
}

function listFiles(folder: string, files: readonly string[]): string {
  const shown = files.filter((file) => !file.endsWith('.svg'))
  return `${shown.map((file) => `  ${folder}/${file}`).join('\n')}\n`
}
