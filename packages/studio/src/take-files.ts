/** What is done with files that a person gives: each kind goes where it is of use. */

import { dropped, droppedPlan } from './dropped.ts'
import { exampleOfWorld } from './examples.ts'
import { extensionOf, keyOf, kindOfJson, parse } from './file-kinds.ts'
import { messageOf } from './format.ts'
import { address, go } from './route.ts'
import { engineAt, readRuns, startRun, workshop } from './studio.ts'

const expected =
  'expected a network as .onnx (with its card.json, tokenizer.json and .data files, if it has such), a world, a solver ' +
  'table or the config of a run as .json, or a run as .zip'

/**
 * Takes the files that were given together: a network and what belongs to it, or others one by one.
 *
 * @throws one line for the first that cannot be taken: its name, what is wrong, what to do
 */
export async function takeFiles(files: readonly File[]): Promise<void> {
  if (files.length === 0) return
  if (files.some(({ name }) => extensionOf(name) === 'onnx')) {
    dropped.value = files
    go(address(['model']))
    return
  }
  for (const file of files) {
    try {
      await take(file)
    } catch (cause) {
      throw new Error(`${file.name}: ${messageOf(cause)}`)
    }
  }
}

async function take(file: File): Promise<void> {
  if (file.size === 0) throw new Error('the file is empty')
  switch (extensionOf(file.name)) {
    case 'zip': {
      const id = await engineAt('page').restore(new Uint8Array(await file.arrayBuffer()))
      await readRuns()
      go(address(['run', id]))
      return
    }
    case 'json':
      return takeJson(file, parse(await file.text()))
    case 'safetensors':
      throw new Error('it holds weights without a network; export the model as .onnx, which holds both, and give that')
    case 'data':
      throw new Error('it holds the weights of a network: give its .onnx file together with it')
  }
  throw new Error(expected)
}

async function takeJson(file: File, json: unknown): Promise<void> {
  switch (kindOfJson(json)) {
    case 'world': {
      const key = keyOf(file.name)
      const page = engineAt('page')
      await page.addModel({ key, card: json })
      const entry = (await page.models()).find((model) => model.key === key)
      if (!entry) throw new Error('its numbers do not fit together')
      return startRun(exampleOfWorld(key, entry.rewards[0]))
    }
    case 'plan':
      droppedPlan.value = { name: file.name, sheet: await workshop.readPlan(json) }
      go(address(['solver', 'file']))
      return
    case 'config':
      go(address(['new'], { config: JSON.stringify(json) }))
      return
    case 'card':
    case 'tokenizer':
      throw new Error('it belongs to a network: give its .onnx file together with it')
  }
  throw new Error(`what is in it is not known here; ${expected}`)
}
