import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeFileAtomic } from 'espalier/node'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { UserError } from '../src/errors.ts'
import { RunFolder, readRunRecord } from '../src/run-folder.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'espalier-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const options = { command: 'sample', line: 'espalier sample', configuration: { steps: 50 }, seeds: [0] }

describe('writeFileAtomic', () => {
  it('replaces the old content and leaves nothing beside it', () => {
    const file = join(folder, 'a.json')
    writeFileAtomic(file, 'old')
    writeFileAtomic(file, Uint8Array.of(110, 101, 119))
    expect(readFileSync(file, 'utf8')).toBe('new')
    expect(readdirSync(folder)).toEqual(['a.json'])
  })

  it('keeps the old content and cleans up when it fails', () => {
    // A folder stands where the file should go, so the rename at the very end fails.
    const target = join(folder, 'taken')
    mkdirSync(target)
    writeFileSync(join(target, 'inside'), 'x')
    expect(() => writeFileAtomic(target, 'new')).toThrow()
    expect(readdirSync(folder)).toEqual(['taken'])
    expect(readFileSync(join(target, 'inside'), 'utf8')).toBe('x')
  })

  it('writes nothing when the data is no text and no bytes', () => {
    const file = join(folder, 'b.bin')
    expect(() => writeFileAtomic(file, { length: 3 } as unknown as Uint8Array)).toThrow()
    expect(readdirSync(folder)).toEqual([])
  })
})

describe('RunFolder', () => {
  it('records configuration, versions, seeds, events and the end', async () => {
    const path = join(folder, 'runs', 'one')
    const run = RunFolder.create({ ...options, out: path })
    expect(readRunRecord(path).status).toBe('running')
    run.event('step', { nfe: 64 })
    await run.during(async () => ({ status: 'done' as const, reward: 1.5 }))
    const record = readRunRecord(path)
    expect(record).toMatchObject({ command: 'sample', status: 'done', configuration: { steps: 50 }, seeds: [0] })
    expect(record.result).toMatchObject({ reward: 1.5 })
    expect(record.versions.node).toBe(process.versions.node)
    expect(record.versions.espalier).toMatch(/^\d+\.\d+\.\d+/)
    const events = readFileSync(join(path, 'events.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((l) => JSON.parse(l))
    expect(events.map((e) => e.type)).toEqual(['start', 'step', 'end'])
    expect(events[1].nfe).toBe(64)
  })

  it('records a failure and passes it on', async () => {
    const run = RunFolder.create({ ...options, out: join(folder, 'bad') })
    const failing = run.during(async () => {
      throw new Error('NaN at step 3')
    })
    await expect(failing).rejects.toThrow('NaN at step 3')
    expect(readRunRecord(run.path).status).toBe('failed')
    expect(readFileSync(join(run.path, 'events.jsonl'), 'utf8')).toContain('NaN at step 3')
  })

  it('refuses a folder that holds something, and one that cannot be made', () => {
    writeFileSync(join(folder, 'precious'), 'x')
    expect(() => RunFolder.create({ ...options, out: folder })).toThrow(UserError)
    expect(() => RunFolder.create({ ...options, out: folder })).toThrow(/not empty/)
    expect(readdirSync(folder)).toEqual(['precious'])
    const below = join(folder, 'precious', 'run')
    expect(() => RunFolder.create({ ...options, out: below })).toThrow(/cannot be written: .*not a folder/)
    expect(existsSync(below)).toBe(false)
  })

  it('has a folder of its own where several begin in one second', () => {
    vi.useFakeTimers({ now: Date.UTC(2000, 0, 2), toFake: ['Date'] })
    const made: string[] = []
    try {
      const command = `test-${process.pid}`
      for (let n = 0; n < 3; n++) made.push(RunFolder.create({ ...options, command }).path)
      const first = join('runs', `${command}-2000-01-02-00-00-00`)
      expect(made).toEqual([first, `${first}-2`, `${first}-3`])
      for (const path of made) expect(readRunRecord(path).command).toBe(command)
    } finally {
      vi.useRealTimers()
      for (const path of made) rmSync(path, { recursive: true })
    }
  })

  it('goes on in the folder of an earlier run, and in no other', () => {
    const first = RunFolder.create({ ...options, out: join(folder, 'again') })
    first.finish('stopped')
    const second = RunFolder.resume(first.path, { steps: 100 })
    second.finish('done')
    expect(readRunRecord(first.path)).toMatchObject({ status: 'done', configuration: { steps: 100 } })
    expect(readFileSync(join(first.path, 'events.jsonl'), 'utf8').match(/"start"/g)).toHaveLength(2)
    expect(() => RunFolder.resume(folder, {})).toThrow(/no run.json/)
    writeFileSync(join(folder, 'run.json'), '{"command": 3')
    expect(() => RunFolder.resume(folder, {})).toThrow(/cannot be read/)
  })
})
