/** Models that people bring: folders beside those of the server, each there as a whole or not at all. */

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import {
  checkModelFiles,
  checkModelKey,
  EngineError,
  lineOf,
  type ModelSource,
  type NewModel,
  parseCard,
  unknownModel,
} from '@espalier/engine'
import { cardFilesSource } from './folder-source.ts'
import type { FormPart } from './multipart.ts'
import { problem } from './problem.ts'

/** What a model consists of; the card alone is always there. */
const fileNames: readonly string[] = ['card.json', 'model.onnx', 'tokenizer.json']
/** Bytes of those that are read in one piece, at most: all else waits meanwhile. */
const mostBytes: Readonly<Record<string, number>> = { 'card.json': 16 << 20, 'tokenizer.json': 64 << 20 }
/** Between the key and the version in the name of a folder; no key has one. */
const mark = '@'
/** What a folder is called that is being filled. */
const unfinished = '.part-'

export interface UploadSource extends ModelSource {
  /**
   * Takes a model as the fields `card.json`, `model.onnx` and `tokenizer.json` of a form, in the place of an earlier one
   * of the same key.
   * @throws ProblemError, EngineError: one line for what is wrong
   */
  receive(key: string, form: AsyncIterable<FormPart>): Promise<void>
}

/**
 * The models of a source, and behind them those that were brought, in a folder: `<key>@<version>` with the files of one.
 * A new version becomes visible by one rename, and the old one is removed then; what a crash left unfinished goes when
 * the folder is opened.
 */
export function withUploads(others: ModelSource, folder: string): UploadSource {
  mkdirSync(folder, { recursive: true })
  for (const name of readdirSync(folder)) if (name.startsWith(unfinished)) remove(join(folder, name))

  /** Folders of the versions of a key, the newest first. */
  const versions = () => {
    const found = new Map<string, string[]>()
    for (const name of readdirSync(folder).sort().reverse()) {
      const [key, version] = name.split(mark)
      if (version === undefined || !existsSync(join(folder, name, 'card.json'))) continue
      found.set(key, [...(found.get(key) ?? []), join(folder, name)])
    }
    return found
  }
  const brought = cardFilesSource(
    () => new Map([...versions()].map(([key, [newest]]) => [key, join(newest, 'card.json')])),
  )
  const sourceOf = async (key: string) => {
    const theirs = await others.keys()
    if (theirs.includes(key)) return others
    const own = await brought.keys()
    if (own.includes(key)) return brought
    throw unknownModel(key, [...theirs, ...own])
  }

  const checkKey = async (key: string) => {
    checkModelKey(key)
    if ((await others.keys()).includes(key)) {
      throw new EngineError('config', `model: "${key}" is one of this server's own; take another name`)
    }
  }
  /** Fills a folder, and makes it the model of that key. */
  const place = async (key: string, fill: (folder: string) => Promise<void>) => {
    await checkKey(key)
    const part = join(folder, `${unfinished}${crypto.randomUUID()}`)
    mkdirSync(part)
    try {
      await fill(part)
      checkFiles(key, part)
      const earlier = versions().get(key) ?? []
      renameSync(part, join(folder, `${key}${mark}${versionAfter(earlier[0])}`))
      for (const old of earlier) remove(old)
    } catch (error) {
      remove(part)
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') {
        throw problem(507, 'the disk is full; remove runs, or make room', { retryAfter: 60 })
      }
      throw error
    }
  }

  return {
    keys: async () => [...new Set([...(await others.keys()), ...(await brought.keys())])],
    card: async (key) => (await sourceOf(key)).card(key),
    graph: async (key) => (await sourceOf(key)).graph(key),
    tokenizer: async (key) => (await sourceOf(key)).tokenizer(key),

    brought: async () =>
      Array.from(versions(), ([key, [newest]]) => ({
        key,
        bytes: readdirSync(newest).reduce((sum, name) => sum + statSync(join(newest, name)).size, 0),
      })),

    async remove(key) {
      // The oldest first, and each by one rename: no crash leaves a part of one, or an earlier one.
      for (const old of (versions().get(key) ?? []).reverse()) {
        const leaving = join(folder, `${unfinished}${crypto.randomUUID()}`)
        renameSync(old, leaving)
        remove(leaving)
      }
    },

    async receive(key, form) {
      await place(key, async (part) => {
        const seen = new Set<string>()
        for await (const { name, body } of form) {
          if (!fileNames.includes(name) || seen.has(name)) {
            throw problem(422, `the form: ${JSON.stringify(name.slice(0, 60))} is not one of ${fileNames.join(', ')}`)
          }
          seen.add(name)
          await write(join(part, name), limited(name, body))
        }
      })
    },

    async add({ key, card, graph, tokenizer }: NewModel) {
      await place(key, async (part) => {
        const text = (value: unknown) => Buffer.from(JSON.stringify(value))
        await write(join(part, 'card.json'), [text(card)])
        if (graph) await write(join(part, 'model.onnx'), [graph])
        if (tokenizer !== undefined) await write(join(part, 'tokenizer.json'), [text(tokenizer)])
      })
    },
  }
}

/** A file as it comes. @throws ProblemError where it is too large */
async function* limited(name: string, body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const most = mostBytes[name] ?? Number.POSITIVE_INFINITY
  let size = 0
  for await (const piece of body) {
    size += piece.length
    if (size > most) throw problem(413, `${name} has ${most} bytes at most here`)
    yield piece
  }
}

async function write(path: string, pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'wx')
  try {
    for await (const piece of pieces) await file.writeFile(piece)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** @throws EngineError where the files make no model */
function checkFiles(key: string, folder: string): void {
  const fail = (reason: string) => new EngineError('config', `model: ${reason}`)
  const card = join(folder, 'card.json')
  if (!existsSync(card)) throw fail(`${key} has no card.json`)
  const has = (name: string) => existsSync(join(folder, name))
  try {
    const parsed = parseCard(JSON.parse(readFileSync(card, 'utf8')), `the card of ${key}`)
    checkModelFiles(key, parsed, { graph: has('model.onnx'), tokenizer: has('tokenizer.json') })
  } catch (error) {
    throw fail(error instanceof SyntaxError ? `the card of ${key} is not JSON` : lineOf(error))
  }
}

/** Sorts behind the version of an earlier folder, whatever the clock says. */
function versionAfter(earlier: string | undefined): string {
  const before = earlier === undefined ? 0 : Number.parseInt(earlier.slice(earlier.lastIndexOf(mark) + 1), 36)
  return Math.max(Date.now(), before + 1)
    .toString(36)
    .padStart(9, '0')
}

function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
}
