/** Reports and run folders, for experiments outside of the command: `reproduce/` and `bench/` draw with these. */
export { writeFileAtomic } from './atomic.ts'
export * from './report/index.ts'
export { machineClass } from './run-folder.ts'
export { versions } from './versions.ts'
