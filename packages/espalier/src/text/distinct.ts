/**
 * Distinct-n: of all runs of n tokens (or words) of the sequences, the share that are different (Li et al. 2016, arXiv
 * 1510.03055). 1 where nothing repeats, which includes sequences too short to have a run. It falls with the amount of
 * text: compare it at the same number of tokens.
 * @throws where n is not a whole number from 1 on
 */
export function distinctShare(sequences: readonly ArrayLike<number | string>[], n: number): number {
  if (!(Number.isInteger(n) && n >= 1)) throw new Error(`runs of ${n} words, expected a whole number from 1 on`)
  const seen = new Set<string>()
  let runs = 0
  for (const sequence of sequences) {
    for (let from = 0; from + n <= sequence.length; from++) {
      let run = ''
      for (let p = from; p < from + n; p++) run += `${sequence[p]} `
      seen.add(run)
      runs++
    }
  }
  return runs === 0 ? 1 : seen.size / runs
}
