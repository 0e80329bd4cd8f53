import type { RunEvent, RunStatus } from './engine.ts'

type Check = (value: unknown) => boolean

const isNumber: Check = (value) => Number.isFinite(value)
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0
const isText: Check = (value) => typeof value === 'string'
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value)
const list =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check)
const isLevel: Check = (value) => {
  const { time, sigma } = (value ?? {}) as Record<string, unknown>
  return isNumber(time) && orNull(isNumber)(sigma)
}

const statuses: Readonly<Record<RunStatus, true>> = {
  queued: true,
  running: true,
  paused: true,
  finished: true,
  stopped: true,
  failed: true,
  interrupted: true,
}

/** What each event has, beside its type; `error` and `rollout` may be left out. */
const fields: { readonly [T in RunEvent['type']]: Readonly<Record<string, Check>> } = {
  started: {
    ...{ levels: list(isLevel), event: list(isCount), engine: isText },
    rollout: (value) => value === undefined || isNumber(value),
  },
  progress: {
    ...{ nfe: isNumber, rewardEvaluations: isNumber, gradientEvaluations: isNumber },
    ...{ best: orNull(isNumber), seconds: isNumber },
  },
  nodes: { from: isCount, parents: list(Number.isSafeInteger), depths: list(isCount) },
  leaves: { nodes: list(isCount), rewards: list(orNull(isNumber)) },
  samples: { from: isCount, rewards: list(orNull(isNumber)) },
  status: {
    status: (value) => Object.hasOwn(statuses, String(value)),
    error: (value) => value === undefined || isText(value),
  },
}

/** Reads the events of a stranger's file, one after the other: a tree that they tell must be one. */
export function eventReader(): (json: unknown) => RunEvent {
  let nodes = 0
  let samples = 0
  return (json) => {
    const event = (json ?? {}) as Record<string, unknown>
    const wrong = (what: string) => new Error(`its events are damaged: ${what}`)
    const { type } = event
    if (typeof type !== 'string' || !Object.hasOwn(fields, type)) throw wrong(`there is no ${JSON.stringify(type)}`)
    for (const [name, check] of Object.entries(fields[type as RunEvent['type']])) {
      if (!check(event[name])) throw wrong(`the ${name} of ${type}`)
    }
    const told = event as unknown as RunEvent
    if (told.type === 'nodes') {
      const { from, parents, depths } = told
      const fits = (parent: number, i: number) => parent < from + i && parent >= (from + i === 0 ? -1 : 0)
      if (from !== nodes || depths.length !== parents.length || !parents.every(fits))
        throw wrong('nodes that do not fit')
      nodes += parents.length
    }
    if (told.type === 'leaves') {
      const { nodes: leaves, rewards } = told
      if (rewards.length !== leaves.length || leaves.some((leaf) => leaf >= nodes)) throw wrong('leaves without nodes')
    }
    if (told.type === 'samples') {
      if (told.from !== samples) throw wrong('samples that do not follow')
      samples += told.rewards.length
    }
    return told
  }
}
