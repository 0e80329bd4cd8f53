import { nextTurn } from './turn.ts'

/** Rows `[from, to)` of one request, and the request's result that they are written to. */
export interface Slice<Request, Result> {
  readonly request: Request
  readonly result: Result
  readonly from: number
  readonly to: number
}

export interface CoalesceOptions<Request, Result> {
  /** Rows of one full batch. */
  readonly maxBatch: number
  rows(request: Request): number
  /** Requests with different keys never share a batch. */
  key(request: Request): string
  /** An unfilled result for all rows of the request. */
  result(request: Request): Result
  /** Evaluates one batch (slices of requests with equal keys, in order of arrival) and fills in their results. */
  run(batch: readonly Slice<Request, Result>[], rows: number): Promise<void>
  /** Batches under way at once, at most. Default 2: while one is computed, the next full one already travels. */
  readonly inFlight?: number
  /** Shared by evaluators whose callers are the same searchers; see {@link Activity}. */
  readonly activity?: Activity
}

export interface CoalesceStatistics {
  readonly batches: number
  readonly rows: number
  /** Rows per batch divided by `maxBatch`, 0 to 1. */
  readonly occupancy: number
  /** Mean and largest time in ms between a row's arrival and the start of its batch. */
  readonly meanWait: number
  readonly maxWait: number
}

export interface Coalescer<Request, Result> {
  submit(request: Request): Promise<Result>
  readonly statistics: CoalesceStatistics
}

/**
 * Knows whether anybody who could still ask is running, for one group of evaluators: a caller runs while a batch that
 * it waits for is under way, or while it has work ready in the event loop. Only when neither is the case may a
 * part-empty batch go. Share one between the denoiser and the reward of a search, so that neither starts a half-full
 * batch while the other's callers are about to come back.
 */
export class Activity {
  /** Batches under way. */
  private underWay = 0
  private arrivals = 0
  /** Requests since a batch last began, and answers since then. */
  private asked = 0
  private answered = 0
  private armed = false
  private readonly queues: { oldest(): number; flush(): void }[] = []

  /** @internal */
  join(queue: { oldest(): number; flush(): void }): void {
    this.queues.push(queue)
  }

  /** @internal Called at every arrival; returns its number in the order of arrival. */
  arrive(): number {
    this.arrivals++
    this.asked++
    this.arm()
    return this.arrivals
  }

  /** @internal */
  start(): void {
    this.underWay++
    this.asked = 0
    this.answered = 0
  }

  /** @internal @param answered how many requests have their whole answer now */
  finish(answered: number): void {
    this.underWay--
    this.answered += answered
    this.arm()
  }

  /**
   * Looks again one turn later. A turn in which somebody asked is not idle, unless as many have asked as were answered:
   * they are all back.
   */
  private arm(): void {
    if (this.armed || this.underWay > 0) return
    this.armed = true
    const seen = this.arrivals
    nextTurn(() => {
      this.armed = false
      const back = this.answered > 0 && this.asked >= this.answered
      if (this.arrivals > seen && !back) this.arm()
      else if (this.underWay === 0) this.flushOldest()
    })
  }

  private flushOldest(): void {
    let first: { oldest(): number; flush(): void } | undefined
    for (const queue of this.queues) {
      if (queue.oldest() < (first?.oldest() ?? Number.POSITIVE_INFINITY)) first = queue
    }
    first?.flush()
  }
}

interface Entry<Request, Result> {
  readonly request: Request
  readonly result: Result
  readonly rows: number
  /** Place in the order of arrival over the whole activity. */
  readonly arrival: number
  readonly since: number
  /** Rows handed to batches, and rows that came back. */
  sent: number
  done: number
  failed: boolean
  resolve(result: Result): void
  reject(error: unknown): void
}

/**
 * Gathers the rows of concurrent requests into full batches: write for one, run for many.
 *
 * A batch goes as soon as `maxBatch` rows of one key wait; fewer go only when nobody who could still ask is running
 * ({@link Activity}). Rows go in the order in which they arrived, and a request is split where a batch is full, so no
 * batch is part-empty while rows of its key wait. The error of a batch rejects every request with a row in it.
 */
export function coalesce<Request, Result>(options: CoalesceOptions<Request, Result>): Coalescer<Request, Result> {
  const { maxBatch, inFlight = 2, activity = new Activity() } = options
  if (!Number.isInteger(maxBatch) || maxBatch < 1) throw new Error(`maxBatch is ${maxBatch}; give an integer >= 1.`)
  if (!Number.isInteger(inFlight) || inFlight < 1) throw new Error(`inFlight is ${inFlight}; give an integer >= 1.`)

  type Queued = Entry<Request, Result>
  const groups = new Map<string, { readonly entries: Queued[]; rows: number }>()
  let underWay = 0
  let batches = 0
  let rows = 0
  let totalWait = 0
  let maxWait = 0

  /** The group whose first row has waited longest, among those with at least `least` rows. */
  const oldestGroup = (least: number) => {
    let found: { entries: Queued[]; rows: number } | undefined
    for (const group of groups.values()) {
      if (group.rows >= least && (!found || group.entries[0].arrival < found.entries[0].arrival)) found = group
    }
    return found
  }

  const sendFull = () => {
    while (underWay < inFlight) {
      const group = oldestGroup(maxBatch)
      if (!group) return
      send(group)
    }
  }

  const send = (group: { entries: Queued[]; rows: number }) => {
    const now = performance.now()
    const slices: Slice<Request, Result>[] = []
    const members: Queued[] = []
    let count = 0
    let taken = 0
    while (count < maxBatch && taken < group.entries.length) {
      const entry = group.entries[taken]
      const from = entry.sent
      const to = Math.min(entry.rows, from + maxBatch - count)
      slices.push({ request: entry.request, result: entry.result, from, to })
      members.push(entry)
      entry.sent = to
      count += to - from
      totalWait += (to - from) * (now - entry.since)
      maxWait = Math.max(maxWait, now - entry.since)
      if (to === entry.rows) taken++
    }
    group.entries.splice(0, taken)
    group.rows -= count
    batches++
    rows += count
    underWay++
    activity.start()
    const failed = (error: unknown) => {
      for (const entry of members) fail(group, entry, error)
    }
    const finished = () => {
      underWay--
      // The next full batch goes before the callers run on: the engine does not wait for them.
      sendFull()
      let answered = 0
      for (let i = 0; i < members.length; i++) {
        const entry = members[i]
        entry.done += slices[i].to - slices[i].from
        if (entry.done < entry.rows || entry.failed) continue
        entry.resolve(entry.result)
        answered++
      }
      activity.finish(answered)
    }
    evaluate(slices, count).catch(failed).then(finished)
  }

  // Async, so that a `run` that throws at once is a rejection like any other.
  const evaluate = async (slices: Slice<Request, Result>[], count: number) => options.run(slices, count)

  /** Rejects a request once and takes its unsent rows out of the queue. */
  const fail = (group: { entries: Queued[]; rows: number }, entry: Queued, error: unknown) => {
    if (entry.failed) return
    entry.failed = true
    entry.reject(error)
    const place = group.entries.indexOf(entry)
    if (place >= 0) {
      group.entries.splice(place, 1)
      group.rows -= entry.rows - entry.sent
    }
  }

  activity.join({
    oldest: () => oldestGroup(1)?.entries[0].arrival ?? Number.POSITIVE_INFINITY,
    flush: () => send(oldestGroup(1)!),
  })

  return {
    submit: (request) =>
      new Promise((resolve, reject) => {
        const key = options.key(request)
        let group = groups.get(key)
        if (!group) groups.set(key, (group = { entries: [], rows: 0 }))
        const entry = {
          request,
          result: options.result(request),
          rows: options.rows(request),
          arrival: activity.arrive(),
        }
        group.entries.push({ ...entry, since: performance.now(), sent: 0, done: 0, failed: false, resolve, reject })
        group.rows += entry.rows
        sendFull()
      }),
    get statistics() {
      return {
        batches,
        rows,
        occupancy: batches === 0 ? 0 : rows / (batches * maxBatch),
        meanWait: rows === 0 ? 0 : totalWait / rows,
        maxWait,
      }
    },
  }
}
