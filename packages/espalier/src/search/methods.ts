/** The searches that grow no tree, together: they share most of what they are made of. */

export { bestOfN } from './best-of-n.ts'
export { dps } from './dps.ts'
export { fkSteering } from './fk-steering.ts'
export { forest } from './forest.ts'
export { greedyIslands } from './greedy-islands.ts'
export { importanceResampling } from './importance-resampling.ts'
export { randomSearch, zeroOrderSearch } from './noise-search.ts'
export { pathsSearch } from './paths.ts'
export { rbf } from './rbf.ts'
export { smc } from './smc.ts'
export { svdd } from './svdd.ts'
export { das, tds } from './tds.ts'
