import { checkTimes } from './sampler.ts'
import type { TokenSchedule } from './schedule.ts'
import type { TokenLaw } from './token-law.ts'

/** What T steps of a masked diffusion cost on average over its data, in nats. */
export interface EnumeratedBounds {
  /** The bound of the best factorised denoiser: above the entropy, and the nearer the more steps. */
  readonly factorised: number
  /** That of the joint posterior, whose steps are exact: the entropy itself, in any number of steps. */
  readonly joint: number
  /** EDLM's printed formula of the joint posterior, {@link paperObjective}: below the entropy. */
  readonly paper: number
}

/**
 * The negative bounds of steps `t -> s` of a masked diffusion, exactly, for a law that can be enumerated. Each mask
 * falls with the probability `rho = 1 - noised(s) / noised(t)`; R is the random set of those that do.
 *
 * A step costs `E_R[-log p(x_R | x_t)]`. Over the data that is `H(K + R) - H(K)`, with the entropy H of the tokens at a set of
 * positions and the known ones K. Factorised it is `rho sum_l (H(K + l) - H(K))`. The formula of EDLM (Xu et al. 2024) has
 * `rho (H(all) - H(K))` instead, which is less (Shearer, Han).
 *
 * @param times falling from where all is masked to 0
 * @throws where they do not
 */
export function enumeratedBounds(law: TokenLaw, schedule: TokenSchedule, times: readonly number[]): EnumeratedBounds {
  checkTimes(times)
  const [first, last] = [schedule.noised(times[0]), schedule.noised(times.at(-1) as number)]
  if (first !== 1 || last !== 0) {
    throw new Error(`the masked share falls from ${first} to ${last} at these times, expected from 1 to 0`)
  }
  const { length } = law
  const all = 2 ** length - 1
  const entropy = entropies(law)
  let [factorised, joint, paper] = [0, 0, 0]
  for (let k = 0; k + 1 < times.length; k++) {
    const noised = schedule.noised(times[k])
    const rho = 1 - schedule.noised(times[k + 1]) / noised
    for (let masks = 1; masks <= all; masks++) {
      const known = all ^ masks
      const chance = chanceOf(masks, all, noised)
      if (chance === 0) continue
      paper += chance * rho * (entropy[all] - entropy[known])
      for (let l = 0; l < length; l++) {
        if ((masks >> l) & 1) factorised += chance * rho * (entropy[known | (1 << l)] - entropy[known])
      }
      for (let fall = masks; fall > 0; fall = (fall - 1) & masks) {
        joint += chance * chanceOf(fall, masks, rho) * (entropy[known | fall] - entropy[known])
      }
    }
  }
  return { factorised, joint, paper }
}

/** Of a set, each member with probability p: that it is this subset. */
function chanceOf(subset: number, set: number, p: number): number {
  let chance = 1
  for (let rest = set; rest > 0; rest &= rest - 1) chance *= subset & rest & -rest ? p : 1 - p
  return chance
}

/** Entropy of the tokens at each set of positions; bit l is position l. */
function entropies(law: TokenLaw): Float64Array {
  const { vocabulary, length, probabilities } = law
  return Float64Array.from({ length: 2 ** length }, (_, set) => {
    const marginal = new Float64Array(vocabulary ** length)
    probabilities.forEach((p, i) => {
      marginal[law.index(law.tokens(i).map((token, l) => ((set >> l) & 1 ? token : 0)))] += p
    })
    return marginal.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0)
  })
}
