/** Networks that the person brought, in the page's own file system: a folder each, as in the zoo. */
export async function keptModels(root: FileSystemDirectoryHandle) {
  const folder = await root.getDirectoryHandle('models', { create: true })
  return {
    async put(key: string, json: unknown, graph: Uint8Array): Promise<void> {
      const place = await folder.getDirectoryHandle(key, { create: true })
      const write = async (name: string, content: string | Uint8Array) => {
        const stream = await (await place.getFileHandle(name, { create: true })).createWritable()
        await stream.write(content as string | Uint8Array<ArrayBuffer>)
        await stream.close()
      }
      await write('model.onnx', graph)
      // Last: a model without its card was not brought to the end.
      await write('card.json', JSON.stringify(json))
    },
    async all(): Promise<{ readonly key: string; readonly json: unknown; readonly graph: Uint8Array }[]> {
      const found = []
      for await (const key of (folder as FileSystemDirectoryHandle & { keys(): AsyncIterable<string> }).keys()) {
        try {
          const place = await folder.getDirectoryHandle(key)
          const open = async (name: string) => (await place.getFileHandle(name)).getFile()
          const json: unknown = JSON.parse(await (await open('card.json')).text())
          found.push({ key, json, graph: new Uint8Array(await (await open('model.onnx')).arrayBuffer()) })
        } catch {
          // Torn by a crash: as if it had never been brought.
        }
      }
      return found
    },
  }
}
