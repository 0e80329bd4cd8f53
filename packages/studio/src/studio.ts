import type { Engine, RunConfig, RunSummary } from '@espalier/engine'
import { computed, signal } from '@preact/signals'
import { page } from './engine/page-engine.ts'
import { messageOf } from './format.ts'
import { invitation } from './invitation.ts'
import { address, go } from './route.ts'

/** Where a run happens: in a worker of this page, or on the server that the page came from. */
export type Place = 'page' | 'server'

/** A run, and where it happens. */
export interface PlacedRun extends RunSummary {
  readonly place: Place
}

export { broken, facts, loading, warning, workshop } from './engine/page-engine.ts'

const server = signal<Engine | undefined>(undefined)

/** The engines there are; `server` where the page came from one that runs searches too. */
export const engines = computed(
  (): Readonly<{ page: Engine; server?: Engine }> =>
    server.value ? { page: page.value, server: server.value } : { page: page.value },
)

/** Whether the server wants a token before it tells anything, or refused the last one. */
export const login = signal<'none' | 'needed' | 'refused'>('none')

const base = new URL('.', document.baseURI).href

/** Resolves when it is known whether there is a server. */
const looked = lookForServer()

async function lookForServer(): Promise<void> {
  try {
    const response = await fetch(new URL('health', base))
    if (!response.ok || ((await response.json()) as { readonly status?: unknown }).status !== 'ok') return
    if (invitation !== undefined) await present(invitation)
    const { serverEngine } = await import('./engine/server.ts')
    server.value = serverEngine({ url: base })
  } catch {
    // A plain folder of files: it has no engine.
  }
}

/** Logs in to the server that this page came from; a cookie says so from then on. */
export async function logIn(token: string): Promise<void> {
  if (await present(token)) await readRuns()
}

async function present(token: string): Promise<boolean> {
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ token })
  const { ok } = await fetch(new URL('login', base), { method: 'POST', headers, body })
  login.value = ok ? 'none' : 'refused'
  return ok
}

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
      if ((error as { readonly status?: number }).status !== 401) failure ??= messageOf(error)
      else if (login.peek() === 'none') login.value = 'needed'
    }
  }
  runs.value = found.sort((a, b) => b.created - a.created)
  runsError.value = failure
}

/** What can be asked of a run by its id. */
export type RunsEngine = Omit<
  Engine,
  'models' | 'start' | 'runs' | 'restore' | 'addModel' | 'broughtModels' | 'removeModel' | 'trial' | 'facts'
>

/** Every run, wherever it happens. */
export const engine: RunsEngine = {
  run: async (id) => (await engineOf(id)).run(id),
  async *events(id, from, signal) {
    for (let next = from; ; ) {
      const engine = await engineOf(id)
      try {
        for await (const numbered of engine.events(id, next, signal)) {
          next = numbered.number + 1
          yield numbered
        }
        return
      } catch (error) {
        // The worker was replaced by another, which has the same runs.
        if (Object.values(engines.peek()).includes(engine)) throw error
      }
    }
  },
  pause: async (id) => (await engineOf(id)).pause(id),
  resume: async (id) => (await engineOf(id)).resume(id),
  stop: async (id) => (await engineOf(id)).stop(id),
  step: async (id) => (await engineOf(id)).step(id),
  state: async (id, at) => (await engineOf(id)).state(id, at),
  lookahead: async (id, at) => (await engineOf(id)).lookahead(id, at),
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
