import { categorical, gumbel, purpose, uniform } from '../tensor/random.ts'
import { maskedPositions, softmaxAt } from './denoiser.ts'
import { type FirstHittingOptions, groupsOf } from './first-hitting.ts'
import { argmaxOf } from './kernel.ts'
import { freePositions, startStates, stepStream, type TokenSolver } from './sampler.ts'

export interface ConfidenceOptions extends Pick<FirstHittingOptions, 'calls' | 'groups'> {
  /** Draw the token of each position (`sample`), or take the likeliest. Default `sample`. */
  readonly token?: 'sample' | 'argmax'
  /**
   * Noise of the choice: `log p + choice (share of masks left) Gumbel` (MaskGIT). 0 takes the most certain. Default 0.
   */
  readonly choice?: number
}

/**
 * Confidence-ordered decoding (MaskGIT, Chang et al. 2022) of a masked process: a token is drawn for every mask, and
 * the most certain ones are kept. Not a sampler of the model's law: it prefers what is certain, and its entropy is
 * below the model's.
 */
export function confidenceOrdered(options: ConfidenceOptions = {}): TokenSolver {
  return (task) => {
    const { process } = task
    const { vocabulary } = process
    if (process.kind !== 'masked') throw new Error('confidence-ordered decoding is for masked processes')
    const { token = 'sample', choice = 0 } = options
    const free = freePositions(task).length
    const groups = groupsOf(free, options)
    const left = groups.map((_, k) => groups.slice(k).reduce((a, b) => a + b, 0))
    return {
      name: `confidence-ordered(${groups.length})`,
      steps: groups.length,
      cost: () => 1,
      time: (_, step) => process.schedule.timeOf((left[step] ?? 0) / free),
      noised: (step) => (left[step] ?? 0) / free,
      asksHere: () => true,
      remembers: false,
      start: (keys) => startStates(task, keys),
      async step(states, step, keys, ask) {
        const time = process.schedule.timeOf(left[step] / free)
        const answers = await ask(states, new Float64Array(states.length).fill(time))
        const clean = new Float64Array(vocabulary)
        return states.map((state, i) => {
          const key = stepStream(keys[i], step)
          const where = new Float64Array(state.tokens.length)
          const noise = new Float64Array(state.tokens.length)
          uniform(purpose(key, 'where'), where)
          if (choice > 0) gumbel(purpose(key, 'choice'), noise)
          const drafts = maskedPositions(process, state.tokens).map((position) => {
            softmaxAt(answers[i], position * vocabulary, vocabulary, clean)
            const drawn = token === 'argmax' ? argmaxOf(clean) : categorical(where[position], clean)
            const score = Math.log(clean[drawn]) + choice * (left[step] / free) * noise[position]
            return { position, drawn, score }
          })
          drafts.sort((a, b) => b.score - a.score || a.position - b.position)
          const tokens = state.tokens.slice()
          for (const { position, drawn } of drafts.slice(0, groups[step])) tokens[position] = drawn
          return { tokens, time: state.time }
        })
      },
    }
  }
}
