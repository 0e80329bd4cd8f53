import { categorical, type Key, purpose, stream, uniform } from '../tensor/random.ts'
import { maskedPositions, softmaxAt } from './denoiser.ts'
import { checkDrafts, chooseDrafts, type DraftOptions } from './energy.ts'
import type { TokenProcess } from './process.ts'
import { freePositions, startStates, stepStream, type TokenSolver, type TokenState } from './sampler.ts'

export interface FirstHittingOptions {
  /** Network calls: the free positions are shared out evenly among them. Default: one a position, which is exact. */
  readonly calls?: number
  /** Positions of each call, instead of `calls`; their sum is the number of free positions. */
  readonly groups?: readonly number[]
  /**
   * 2: tokens of a group are drawn from the line through the last two predictions at the time of their hit
   * (Zheng et al. 2024). Then a step needs the prediction before it, and cannot be branched. Default 1.
   */
  readonly order?: 1 | 2
  /** Groups are taken from a draft of the whole sequence that is kept by its energy (EDLM). Order 1 alone. */
  readonly draft?: DraftOptions
}

/**
 * The first-hitting sampler (Zheng et al. 2024, arXiv 2409.02908) of a masked process: the continuous-time
 * reverse chain hops from one lifted mask to the next. With n masks left at time tau the next one is lifted where
 * `1 - alpha(tau') = u^(1/n) (1 - alpha(tau))`, at a uniformly chosen position, to a draw of its clean law at tau'.
 * With one position a call this is the exact law of the network's chain, in as many calls as there are positions.
 *
 * Parallel decoding lifts several masks by one prediction, asked at the first hit of the group.
 */
export function firstHitting(options: FirstHittingOptions = {}): TokenSolver {
  return (task) => {
    const { process, timeFree } = task
    const { vocabulary } = process
    if (process.kind !== 'masked') throw new Error('first hitting is for masked processes, this one is uniform')
    const groups = groupsOf(freePositions(task).length, options)
    const { order = 1, draft } = options
    if (draft) checkDrafts(draft)
    if (draft && order === 2) throw new Error('first hitting takes drafts at order 1, or order 2 without drafts')
    const before = new WeakMap<TokenState, Predicted>()
    return {
      name: `first-hitting(${groups.length}, order ${order})`,
      steps: groups.length,
      cost: () => 1,
      time: (state) => state.time,
      asksHere: () => timeFree,
      remembers: order === 2,
      start: (keys) => startStates(task, keys),
      async step(states, step, keys, ask) {
        const hops = states.map((state, i) => hop(process, state, groups[step], stepStream(keys[i], step)))
        const answers = await ask(
          states,
          hops.map(({ hits }) => hits[0].time),
        )
        const drafts =
          draft &&
          (await chooseDrafts(
            process,
            draft,
            states,
            answers,
            hops.map(({ hits }) => hits[0].time),
            hops.map(({ key }) => key),
          ))
        return states.map((state, i) => {
          const { hits, key } = hops[i]
          const now = { time: hits[0].time, logits: answers[i] }
          const old = order === 2 ? before.get(state) : undefined
          const tokens = state.tokens.slice()
          const where = new Float64Array(hits.length)
          uniform(purpose(key, 'where'), where)
          hits.forEach(({ position, time }, k) => {
            tokens[position] = drafts
              ? drafts[i][position]
              : categorical(where[k], cleanAt(now, old, position, time, vocabulary))
          })
          const next = { tokens, time: (hits.at(-1) as Hit).time }
          if (order === 2) before.set(next, now)
          return next
        })
      },
    }
  }
}

interface Predicted {
  readonly time: number
  readonly logits: Float32Array
}

interface Hit {
  readonly position: number
  /** As a float32, as states are: a state that was saved goes on the same. */
  readonly time: number
}

/** The next hits of a state: when, and where. */
function hop(process: TokenProcess, { tokens, time }: TokenState, count: number, key: Key): { hits: Hit[]; key: Key } {
  const { schedule } = process
  const open = maskedPositions(process, tokens)
  const draws = stream(purpose(key, 'hits'))
  let logNoised = Math.log(schedule.noised(time))
  const hits = Array.from({ length: count }, (_, k) => {
    logNoised += Math.log(draws.uniform()) / (open.length - k)
    const pick = k + draws.integer(open.length - k)
    const position = open[pick]
    open[pick] = open[k]
    open[k] = position
    return { position, time: Math.fround(Math.max(0, schedule.timeOf(Math.exp(logNoised)))) }
  })
  return { hits, key }
}

/** The clean law at a hit: the prediction, or the line through it and the one before, clamped at 0. */
function cleanAt(now: Predicted, old: Predicted | undefined, position: number, time: number, vocabulary: number) {
  const clean = new Float64Array(vocabulary)
  softmaxAt(now.logits, position * vocabulary, vocabulary, clean)
  if (!old || old.time === now.time) return clean
  const earlier = new Float64Array(vocabulary)
  softmaxAt(old.logits, position * vocabulary, vocabulary, earlier)
  const ahead = (time - now.time) / (now.time - old.time)
  return clean.map((p, v) => Math.max(0, p + ahead * (p - earlier[v])))
}

/** Positions of each call. @throws where they do not fit the free positions */
export function groupsOf(free: number, { calls, groups }: FirstHittingOptions): readonly number[] {
  if (groups) {
    const sum = groups.reduce((a, b) => a + b, 0)
    if (sum === free && groups.every((g) => Number.isInteger(g) && g >= 1)) return groups
    throw new Error(`groups [${groups.join(', ')}] of ${sum} positions, the sequence has ${free} free ones`)
  }
  const n = Math.min(calls ?? free, free)
  if (!(Number.isInteger(n) && n >= 1)) {
    throw new Error(`${calls ?? free} calls for ${free} free positions, expected a whole number from 1 on`)
  }
  return Array.from({ length: n }, (_, k) => Math.floor(free / n) + (k < free % n ? 1 : 0))
}
