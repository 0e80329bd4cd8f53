/** Where a run leaves everything: its configuration, what happened, what came out. */

import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { writeFileAtomic } from 'espalier/node'
import { messageOf, UserError } from './errors.ts'
import { versions } from './versions.ts'

export type RunStatus = 'running' | 'done' | 'stopped' | 'failed'

/** The content of `run.json`. */
export interface RunRecord {
  readonly command: string
  /** The shell line that repeats the run. */
  readonly line: string
  readonly status: RunStatus
  readonly started: string
  readonly finished?: string
  /** Every option with the value that was used, defaults included. */
  readonly configuration: Readonly<Record<string, unknown>>
  readonly seeds: readonly number[]
  readonly versions: Readonly<Record<string, string>>
  readonly machine: string
  /** The numbers that came out. */
  readonly result?: unknown
}

export interface RunFolderOptions {
  readonly command: string
  /** The folder, new or empty. Default `runs/<command>-<time>`, with a number where another run began in that second. */
  readonly out?: string
  readonly line: string
  readonly configuration: Readonly<Record<string, unknown>>
  readonly seeds: readonly number[]
}

/**
 * A folder with `run.json`, `events.jsonl` and whatever the run writes. Files appear whole or not at all; events are
 * on the disk when `event` returns.
 */
export class RunFolder {
  readonly path: string
  private record: RunRecord
  private readonly events: number

  private constructor(path: string, record: RunRecord) {
    this.path = path
    this.record = record
    this.write('run.json', json(record))
    this.events = openSync(join(path, 'events.jsonl'), 'a')
    this.event('start', { status: record.status })
  }

  /** @throws UserError if the folder cannot be made or written, or holds something */
  static create(options: RunFolderOptions): RunFolder {
    const started = new Date().toISOString()
    const named = options.out ?? join('runs', `${options.command}-${started.slice(0, 19).replace(/[:T]/g, '-')}`)
    return usable(named, () => {
      if (options.out !== undefined) makeFolder(named)
      const path = options.out ?? makeNewFolder(named)
      if (readdirSync(path).length > 0) {
        throw new UserError(`--out ${path}: the folder is not empty; name a new folder, or continue it with --resume`)
      }
      const { command, line, configuration, seeds } = options
      return new RunFolder(path, {
        command,
        line,
        status: 'running',
        started,
        configuration,
        seeds,
        versions: versions(),
        machine: machineClass(),
      })
    })
  }

  /** Goes on in the folder of an earlier run. @throws UserError if it is no run folder, or cannot be written */
  static resume(path: string, configuration: Readonly<Record<string, unknown>>): RunFolder {
    const record = readRunRecord(path)
    return usable(path, () => new RunFolder(path, { ...record, configuration, status: 'running', finished: undefined }))
  }

  /** Writes a file of the run. @param name relative to the folder */
  write(name: string, data: Uint8Array | readonly Uint8Array[] | string): string {
    const path = join(this.path, name)
    makeFolder(dirname(path))
    writeFileAtomic(path, data)
    return path
  }

  /** Appends one line to `events.jsonl` and waits until it is on the disk. */
  event(type: string, fields: Readonly<Record<string, unknown>> = {}): void {
    writeSync(this.events, `${JSON.stringify({ time: new Date().toISOString(), type, ...fields })}\n`)
    fsyncSync(this.events)
  }

  /** Records the end. */
  finish(status: RunStatus, result?: unknown): void {
    this.record = { ...this.record, status, finished: new Date().toISOString(), result }
    this.event('end', { status })
    closeSync(this.events)
    this.write('run.json', json(this.record))
  }

  /**
   * Runs `body`; a failure is recorded before it goes on.
   *
   * @param body returns the numbers for `run.json`, with the status where it is not `done`
   */
  async during<T extends { readonly status?: RunStatus }>(body: () => Promise<T>): Promise<T> {
    try {
      const result = await body()
      this.finish(result.status ?? 'done', result)
      return result
    } catch (error) {
      this.event('error', { message: messageOf(error) })
      this.finish('failed')
      throw error
    }
  }
}

/** Reads `run.json`. @throws UserError if there is none or it is damaged */
export function readRunRecord(path: string): RunRecord {
  const file = join(path, 'run.json')
  if (!existsSync(file)) throw new UserError(`${path} is not the folder of a run: it holds no run.json`)
  try {
    const record = JSON.parse(readFileSync(file, 'utf8')) as RunRecord
    if (typeof record.command !== 'string' || typeof record.configuration !== 'object')
      throw new Error('fields missing')
    return record
  } catch (error) {
    throw new UserError(`${file} cannot be read: ${messageOf(error)}`)
  }
}

/** Cores, architecture and memory: what decides how long a run takes, and nothing that names the machine. */
export function machineClass(): string {
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${availableParallelism()} cores, ${process.platform} ${process.arch}, ${memory} GiB`
}

/** Makes a folder and those above it. Node's own recursive call never returns on some systems that refuse (/proc). */
function makeFolder(path: string): void {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  mkdirSync(path)
}

/** Makes a folder that nobody has: of this name, or with the first number behind it that is free. */
function makeNewFolder(name: string): string {
  makeFolder(dirname(name))
  for (let n = 1; ; n++) {
    const path = n === 1 ? name : `${name}-${n}`
    try {
      mkdirSync(path)
      return path
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

function usable<T>(path: string, body: () => T): T {
  try {
    return body()
  } catch (error) {
    if (error instanceof UserError) throw error
    throw new UserError(`--out ${path}: the folder cannot be written: ${messageOf(error)}`)
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
