import { mergeConfig } from 'vite'
import app from '../vite.config.ts'
import { zooPlugin } from '../zoo-plugin.ts'

// biome-ignore lint/style/noDefaultExport: Vite reads the default export
export default mergeConfig(app, { plugins: [zooPlugin(['mnist'])] })
