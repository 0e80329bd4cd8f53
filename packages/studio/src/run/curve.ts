import type { RunEvent } from '@espalier/engine'

/** How the best reward of a run rose, and when its samples came, from its events. */
export class Curve {
  /** A step where the best reward improved. */
  readonly nfe: number[] = []
  readonly best: number[] = []
  /** NFE after which each sample of a tree was there, in the order found. */
  readonly found: number[] = []
  /** Rewards since the last report of NFE, and where that was. */
  readonly #since: (number | null)[] = []
  #reported = 0

  take(event: RunEvent): void {
    if (event.type === 'leaves') this.#since.push(...event.rewards)
    else if (event.type === 'progress') this.#report(event.nfe, event.best)
  }

  /** How many samples were there after so many NFE. */
  foundBy(nfe: number): number {
    let [low, high] = [0, this.found.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.found[middle] <= nfe) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Samples between two reports came at even distances of NFE, as near as the reports tell. */
  #report(nfe: number, best: number | null): void {
    const rewards = this.#since.splice(0)
    const from = this.#reported
    this.#reported = nfe
    rewards.forEach((reward, i) => {
      const at = from + ((nfe - from) * (i + 1)) / rewards.length
      this.found.push(at)
      if (reward !== null && reward > (this.best.at(-1) ?? Number.NEGATIVE_INFINITY)) this.#point(at, reward)
    })
    if (best !== null) this.#point(nfe, best)
  }

  #point(nfe: number, best: number): void {
    const n = this.nfe.length
    // Along a level stretch its ends are enough.
    if (n > 1 && this.best[n - 1] === best && this.best[n - 2] === best) this.nfe[n - 1] = nfe
    else {
      this.nfe.push(nfe)
      this.best.push(best)
    }
  }
}
