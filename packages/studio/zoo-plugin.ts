import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'

const folder = fileURLToPath(new URL('../zoo/models/', import.meta.url))
const files = ['card.json', 'model.onnx']

/** Models of the zoo beside the app: as `models/<name>/card.json` and `model.onnx`, in the build and when it is served. */
export function zooPlugin(names: readonly string[]): Plugin {
  for (const name of names) {
    for (const file of files) {
      if (!existsSync(`${folder}${name}/${file}`)) throw new Error(`the zoo has no ${name}/${file}`)
    }
  }
  return {
    name: 'espalier-zoo',
    generateBundle() {
      for (const name of names) {
        for (const file of files) {
          const source = readFileSync(`${folder}${name}/${file}`)
          this.emitFile({ type: 'asset', fileName: `models/${name}/${file}`, source })
        }
      }
    },
    configureServer(server) {
      server.middlewares.use('/models/', (request, response, next) => {
        const path = (request.url ?? '').split('?')[0].replace(/^\//, '')
        const [name, file] = path.split('/')
        if (!names.includes(name) || !files.includes(file)) return next()
        response.setHeader('Content-Type', file.endsWith('.json') ? 'application/json' : 'application/octet-stream')
        response.end(readFileSync(`${folder}${name}/${file}`))
      })
    },
  }
}
