/** Rank correlation of two lists without ties (Spearman 1904): the correlation of the ranks, from -1 to 1. */
export function spearman(x: ArrayLike<number>, y: ArrayLike<number>): number {
  const n = x.length
  const [p, q] = [ranks(x), ranks(y)]
  const squares = p.reduce((sum, rank, i) => sum + (rank - q[i]) ** 2, 0)
  return 1 - (6 * squares) / (n * (n * n - 1))
}

function ranks(values: ArrayLike<number>): number[] {
  const order = Array.from({ length: values.length }, (_, i) => i).sort((i, j) => values[i] - values[j])
  const out: number[] = []
  order.forEach((i, rank) => {
    out[i] = rank
  })
  return out
}
