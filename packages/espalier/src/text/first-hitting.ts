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
  /**
   * Once the next call has seen a group's tokens, each of them is drawn again from what that call says at its place,
   * with the share of the way from the group's call to it at which it was hit: so it is a draw from the line through the
   * two predictions, at no further cost (Zheng et al. 2024, "predictor-corrector"; the weights are reconstructed, and that
   * tokens are kept with the rest of the chance is ours: drawn all over again they are far worse). Order 1 alone.
   *
   * The network must say at known tokens what it would say were they unknown; one that was trained on masks alone, as
   * most are, does not. Even with the exact answer there it is rarely of use, by enumeration: tokens of a group come to
   * fit one another, but the next group was drawn to fit the old ones. Order 2 was better everywhere.
   */
  readonly correct?: boolean
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
    const free = freePositions(task).length
    const groups = groupsOf(free, options)
    const { order = 1, draft, correct = false } = options
    if (draft) checkDrafts(draft)
    if (draft && order === 2) throw new Error('first hitting takes drafts at order 1, or order 2 without drafts')
    if (correct && (draft || order === 2)) throw new Error('first hitting corrects at order 1, without drafts')
    const remembers = order === 2 || correct
    const before = new WeakMap<TokenState, Predicted>()
    return {
      name: `first-hitting(${groups.length}, ${correct ? 'corrected' : `order ${order}`})`,
      steps: groups.length,
      cost: () => 1,
      time: (state) => state.time,
      noised: (step) => groups.slice(step).reduce((sum, count) => sum + count, 0) / free,
      asksHere: () => timeFree,
      remembers,
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
          const now = { time: hits[0].time, logits: answers[i], hits }
          const old = before.get(state)
          const tokens = state.tokens.slice()
          if (correct && old) redraw(tokens, old, now, vocabulary, purpose(key, 'correct'))
          const where = new Float64Array(hits.length)
          uniform(purpose(key, 'where'), where)
          hits.forEach(({ position, time }, k) => {
            tokens[position] = drafts
              ? drafts[i][position]
              : categorical(where[k], cleanAt(now, order === 2 ? old : undefined, position, time, vocabulary))
          })
          const next = { tokens, time: (hits.at(-1) as Hit).time }
          if (remembers) before.set(next, now)
          return next
        })
      },
    }
  }
}

interface Predicted {
  readonly time: number
  readonly logits: Float32Array
  /** What it was asked for. */
  readonly hits: readonly Hit[]
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

/** Draws the tokens of the last group again, each with the share of the way to now at which it was hit. */
function redraw(tokens: Int32Array, old: Predicted, now: Predicted, vocabulary: number, key: Key): void {
  const clean = new Float64Array(vocabulary)
  const draws = new Float64Array(2 * old.hits.length)
  uniform(key, draws)
  old.hits.forEach(({ position, time }, k) => {
    if (draws[2 * k] * (old.time - now.time) >= old.time - time) return
    softmaxAt(now.logits, position * vocabulary, vocabulary, clean)
    tokens[position] = categorical(draws[2 * k + 1], clean)
  })
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
