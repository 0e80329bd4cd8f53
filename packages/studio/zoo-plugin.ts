import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'

const folder = fileURLToPath(new URL('../zoo/models/', import.meta.url))
const files = ['card.json', 'model.onnx', 'tokenizer.json']

/**
 * Models of the zoo beside the app: as `models/<name>/card.json`, `model.onnx`, and `tokenizer.json` of models of text,
 * in the build and when it is served.
 */
export function zooPlugin(names: readonly string[]): Plugin {
  const filesOf = new Map(names.map((name) => [name, files.filter((file) => existsSync(`${folder}${name}/${file}`))]))
  for (const [name, found] of filesOf) {
    const missing = ['card.json', 'model.onnx'].find((file) => !found.includes(file))
    if (missing) throw new Error(`the zoo has no ${name}/${missing}`)
  }
  return {
    name: 'espalier-zoo',
    generateBundle() {
      for (const [name, found] of filesOf) {
        for (const file of found) {
          const source = readFileSync(`${folder}${name}/${file}`)
          this.emitFile({ type: 'asset', fileName: `models/${name}/${file}`, source })
        }
      }
    },
    configureServer(server) {
      server.middlewares.use('/models/', (request, response, next) => {
        const path = (request.url ?? '').split('?')[0].replace(/^\//, '')
        const [name, file] = path.split('/')
        if (!filesOf.get(name)?.includes(file)) return next()
        response.setHeader('Content-Type', file.endsWith('.json') ? 'application/json' : 'application/octet-stream')
        response.end(readFileSync(`${folder}${name}/${file}`))
      })
    },
  }
}
