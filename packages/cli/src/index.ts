/** Reports and run folders, for experiments outside of the command: `reproduce/` and `bench/` draw with these. */
export * from './report/index.ts'
export { machineClass } from './run-folder.ts'
export { versions } from './versions.ts'
