import type { RunConfig, RunSummary } from '@espalier/engine'
import { signal } from '@preact/signals'
import type { EngineFacts } from './engine/protocol.ts'
import { workerEngine } from './engine/worker-engine.ts'
import { messageOf } from './format.ts'
import { address, go } from './route.ts'

const worker = new Worker(new URL('./engine/network.worker.ts', import.meta.url), { type: 'module', name: 'network' })

/** Where the page's runs happen. */
export const engine = workerEngine(worker, document.baseURI)

export const facts = signal<EngineFacts | undefined>(undefined)
/** Why there is no engine. */
export const broken = signal<string | undefined>(undefined)
engine.facts.then(
  (found) => {
    facts.value = found
  },
  (error: unknown) => {
    broken.value = messageOf(error)
  },
)

/** All runs, newest first; undefined until they have been read. */
export const runs = signal<readonly RunSummary[] | undefined>(undefined)
export const runsError = signal<string | undefined>(undefined)

export async function readRuns(): Promise<void> {
  try {
    runs.value = await engine.runs()
    runsError.value = undefined
  } catch (error) {
    runsError.value = messageOf(error)
  }
}

/** Starts a run and shows it. @throws one line for what is wrong with the config */
export async function startRun(config: RunConfig): Promise<void> {
  go(address(['run', await engine.start(config)]))
  // Asked once, at the first thing worth keeping; a refusal changes nothing that is seen.
  void navigator.storage?.persist?.().catch(() => {})
}
