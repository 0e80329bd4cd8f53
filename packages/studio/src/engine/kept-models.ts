import type { NewModel } from '@espalier/engine'
import { storageError } from './storage-error.ts'

/** Networks that the person brought. */
export interface KeptModels {
  put(model: NewModel): Promise<void>
  all(): Promise<NewModel[]>
  remove(key: string): Promise<void>
}

/** The same in the page's own file system: a folder each, as in the zoo. */
export async function keptModels(root: FileSystemDirectoryHandle): Promise<KeptModels> {
  const folder = await root.getDirectoryHandle('models', { create: true })
  return {
    async put({ key, card, graph, tokenizer }) {
      const place = await folder.getDirectoryHandle(key, { create: true })
      const write = async (name: string, content: string | Uint8Array) => {
        const stream = await (await place.getFileHandle(name, { create: true })).createWritable()
        try {
          await stream.write(content as string | Uint8Array<ArrayBuffer>)
          await stream.close()
        } catch (error) {
          await stream.abort().catch(() => {})
          throw storageError(error)
        }
      }
      if (graph) await write('model.onnx', graph)
      if (tokenizer !== undefined) await write('tokenizer.json', JSON.stringify(tokenizer))
      // Last: a model without its card was not brought to the end.
      await write('card.json', JSON.stringify(card))
    },
    async all() {
      const found: NewModel[] = []
      for await (const key of (folder as FileSystemDirectoryHandle & { keys(): AsyncIterable<string> }).keys()) {
        const place = await folder.getDirectoryHandle(key)
        const file = async (name: string) => {
          const handle = await place.getFileHandle(name).catch(() => undefined)
          return handle?.getFile()
        }
        const json = async (name: string): Promise<unknown> => {
          const text = await (await file(name))?.text()
          return text && JSON.parse(text)
        }
        const card = await json('card.json')
        // Torn by a crash: as if it had never been brought.
        if (card === undefined) continue
        const graph = await (await file('model.onnx'))?.arrayBuffer()
        found.push({ key, card, graph: graph && new Uint8Array(graph), tokenizer: await json('tokenizer.json') })
      }
      return found
    },
    remove: (key) => folder.removeEntry(key, { recursive: true }),
  }
}
