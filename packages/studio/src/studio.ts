import { type Engine, type RunConfig, type RunSummary, serverEngine } from '@espalier/engine'
import { signal } from '@preact/signals'
import type { PageFacts, Workshop } from './engine/protocol.ts'
import { workerEngine } from './engine/worker-engine.ts'
import { messageOf } from './format.ts'
import { address, go } from './route.ts'

/** Where a run happens: in a worker of this page, or on the server that the page came from. */
export type Place = 'page' | 'server'

/** A run, and where it happens. */
export interface PlacedRun extends RunSummary {
  readonly place: Place
}

const worker = new Worker(new URL('./engine/network.worker.ts', import.meta.url), { type: 'module', name: 'network' })
const page = workerEngine(worker, document.baseURI)

/** What forms and sheets ask of the library. */
export const workshop: Workshop = page

/** The engines there are; `server` where the page came from one that runs searches too. */
export const engines = signal<Readonly<{ page: Engine; server?: Engine }>>({ page })

/** Resolves when it is known whether there is a server. */
const looked = lookForServer()

async function lookForServer(): Promise<void> {
  const url = new URL('.', document.baseURI).href
  try {
    const response = await fetch(new URL('health', url))
    if (!response.ok || ((await response.json()) as { readonly status?: unknown }).status !== 'ok') return
    engines.value = { page, server: serverEngine({ url }) }
  } catch {
    // A plain folder of files: it has no engine.
  }
}

export const facts = signal<PageFacts | undefined>(undefined)
/** Why nothing can be run in the page. */
export const broken = signal<string | undefined>(undefined)
page.facts().then(
  (found) => {
    facts.value = found
  },
  (error: unknown) => {
    broken.value = messageOf(error)
  },
)

/** All runs of all engines, newest first; undefined until they have been read. */
export const runs = signal<readonly PlacedRun[] | undefined>(undefined)
export const runsError = signal<string | undefined>(undefined)

export async function readRuns(): Promise<void> {
  await looked
  const found: PlacedRun[] = []
  let failure: string | undefined
  for (const [place, engine] of Object.entries(engines.value) as [Place, Engine][]) {
    try {
      for (const run of await engine.runs()) found.push({ ...run, place })
    } catch (error) {
      failure ??= messageOf(error)
    }
  }
  runs.value = found.sort((a, b) => b.created - a.created)
  runsError.value = failure
}

/** What can be asked of a run by its id. */
export type RunsEngine = Omit<Engine, 'models' | 'start' | 'runs' | 'restore' | 'addModel' | 'trial' | 'facts'>

/** Every run, wherever it happens. */
export const engine: RunsEngine = {
  run: async (id) => (await engineOf(id)).run(id),
  async *events(id, from, signal) {
    yield* (await engineOf(id)).events(id, from, signal)
  },
  pause: async (id) => (await engineOf(id)).pause(id),
  resume: async (id) => (await engineOf(id)).resume(id),
  stop: async (id) => (await engineOf(id)).stop(id),
  step: async (id, from) => (await engineOf(id)).step(id, from),
  state: async (id, at) => (await engineOf(id)).state(id, at),
  exact: async (id, at) => (await engineOf(id)).exact(id, at),
  remove: async (id) => (await engineOf(id)).remove(id),
  archive: async (id) => (await engineOf(id)).archive(id),
}

/** The engine that has a run; that of the page where none is known to. */
async function engineOf(id: string): Promise<Engine> {
  const known = () => runs.peek()?.find((run) => run.id === id)
  if (!known()) await readRuns()
  return engineAt(known()?.place ?? 'page')
}

/** @throws one line where there is no such engine */
export function engineAt(place: Place): Engine {
  const engine = engines.peek()[place]
  if (engine) return engine
  throw new Error('this page came from no server; choose the page itself')
}

/** Starts a run and shows it. @throws one line for what is wrong with the config */
export async function startRun(config: RunConfig, place: Place = 'page'): Promise<void> {
  const id = await engineAt(place).start(config)
  await readRuns()
  go(address(['run', id]))
  // Asked once, at the first thing worth keeping; a refusal changes nothing that is seen.
  if (place === 'page') void navigator.storage?.persist?.().catch(() => {})
}
