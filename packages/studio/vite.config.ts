import { defaultClientConditions, defineConfig, type Rolldown } from 'vite'
import { offlinePlugin } from './offline-plugin.ts'
import { zooModels } from './src/engine/zoo-names.ts'
import { zooPlugin } from './zoo-plugin.ts'

// Threads need a cross-origin-isolated page, so every response says so.
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
}

// What is loaded from the start is one file, not one for every set of files that share it. In the worker that is the
// layers that all runs need: what is of text is behind the same imports, and loaded for text.
const start = { name: 'start', tags: ['$initial'] } satisfies Rolldown.CodeSplittingGroup
const inWorker = { ...start, test: /[\\/](zod|espalier[\\/]src[\\/](tensor|process|runtime|chain|reward|search))[\\/]/ }

// biome-ignore lint/style/noDefaultExport: Vite reads the default export
export default defineConfig({
  root: import.meta.dirname,
  // Relative addresses: the build works from any folder of any server.
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  // The packages' TypeScript sources, so that nothing must be built before.
  resolve: { conditions: ['source', ...defaultClientConditions] },
  plugins: [zooPlugin(zooModels), offlinePlugin()],
  worker: {
    format: 'es',
    rolldownOptions: { output: { comments: false, codeSplitting: { groups: [inWorker] } } },
  },
  server: { headers },
  preview: { headers },
  build: {
    target: 'es2022',
    chunkSizeWarningLimit: 600,
    assetsInlineLimit: 0,
    rolldownOptions: { output: { codeSplitting: { groups: [start] } } },
  },
})
