/** A process of its own: grows a tree of 3x32x32 states and says what it took. Arguments: states, nodes, file. */
import { writeFileAtomic } from 'espalier/node'
import { dts, type StateKeeping, treeFileParts } from 'espalier/search'
import { freeChain, freeReward } from './free-chain.ts'

const [states, nodes, file] = process.argv.slice(2)
const peak = () => Math.round(process.resourceUsage().maxRSS / 1024)
const abort = new AbortController()
let written = false
let waves = 0
let next = 0
const atStart = peak()
let grown = 0
let saved = 0
const { tree } = await dts({
  chain: freeChain([3, 32, 32]),
  reward: freeReward,
  seed: 1,
  budget: 1e9,
  alpha: 0.5,
  width: 64,
  states: states as StateKeeping,
  signal: abort.signal,
  onCheckpoint(save) {
    if (written || ++waves < next) return
    next = 1.03 * waves
    const snapshot = save()
    if (snapshot.tree.parent.length < Number(nodes)) return
    grown = peak()
    writeFileAtomic(file, treeFileParts(snapshot))
    saved = peak()
    written = true
    abort.abort()
  },
})
const { bytes, size, leaves } = tree
console.log(
  JSON.stringify({
    nodes: size,
    leaves: leaves.length,
    bytesPerNode: { node: Math.round(bytes.nodes / size), state: Math.round(bytes.states / size) },
    peakMiB: { atStart, grown, withACheckpointWritten: saved, withAllSamplesHandedOver: peak() },
  }),
)
