/** Standard deviation of the finite values so far (Welford); 1 until it is positive. */
export class RunningStd {
  #n = 0
  #mean = 0
  #squares = 0

  add(value: number): void {
    if (value === -Infinity) return
    const delta = value - this.#mean
    this.#mean += delta / ++this.#n
    this.#squares += delta * (value - this.#mean)
  }

  value(): number {
    return this.#squares > 0 ? Math.sqrt(this.#squares / (this.#n - 1)) : 1
  }
}
