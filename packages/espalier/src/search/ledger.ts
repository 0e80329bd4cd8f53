import type { Progress, SearchOptions, SearchResult } from './search.ts'

/** What a piece of work costs. */
export interface Spent {
  nfe: number
  gradientEvaluations: number
  rewardEvaluations: number
}

/** The numbers of a run that a checkpoint keeps. */
export interface Account {
  readonly nfe: number
  readonly gradientEvaluations: number
  readonly rewardEvaluations: number
  readonly trace: SearchResult<unknown>['trace']
}

/**
 * Counts what a search spends. Network work under way is counted as it is done (for progress, and for honesty when a
 * run is cut off) and booked in the order of the rollouts once their rewards exist (so that traces do not depend on
 * timing).
 */
export class Ledger {
  readonly budget: number
  /** NFE of the rollouts that have been scored. */
  nfe = 0
  gradientEvaluations = 0
  rewardEvaluations = 0
  best = -Infinity
  #underWay = 0
  readonly #trace: { nfe: number; best: number }[] = []
  readonly #onProgress?: (progress: Progress) => void

  constructor(options: Pick<SearchOptions<unknown, unknown>, 'budget' | 'onProgress'>, account?: Account) {
    this.budget = options.budget
    this.#onProgress = options.onProgress
    if (!account) return
    this.nfe = account.nfe
    this.gradientEvaluations = account.gradientEvaluations
    this.rewardEvaluations = account.rewardEvaluations
    this.#trace.push(...account.trace)
    this.best = this.#trace.at(-1)?.best ?? -Infinity
  }

  /** All NFE, booked or not. */
  get spent(): number {
    return this.nfe + this.#underWay
  }

  /** Counts work as it is done. */
  spend(nfe: number): void {
    this.#underWay += nfe
    this.#onProgress?.(this.progress())
  }

  /** Moves work to the books, with the final reward that it brought, if it did. */
  book({ nfe = 0, gradientEvaluations = 0, rewardEvaluations = 0 }: Partial<Spent>, reward = -Infinity): void {
    this.#underWay -= nfe
    this.nfe += nfe
    this.gradientEvaluations += gradientEvaluations
    this.rewardEvaluations += rewardEvaluations
    if (!(reward > this.best)) return
    this.best = reward
    this.#trace.push({ nfe: this.nfe, best: reward })
  }

  progress(): Progress {
    const { spent: nfe, budget, gradientEvaluations, rewardEvaluations, best } = this
    return { nfe, budget, gradientEvaluations, rewardEvaluations, best }
  }

  report(): void {
    this.#onProgress?.(this.progress())
  }

  /** What is booked, for a checkpoint: the improvements alone. */
  account(): Account {
    return {
      nfe: this.nfe,
      gradientEvaluations: this.gradientEvaluations,
      rewardEvaluations: this.rewardEvaluations,
      trace: this.#trace.map((point) => ({ ...point })),
    }
  }

  /** Improvements of the best reward, and where the run ended. */
  trace(): Account['trace'] {
    const trace = this.account().trace
    return trace.at(-1)?.nfe === this.spent ? trace : [...trace, { nfe: this.spent, best: this.best }]
  }
}
