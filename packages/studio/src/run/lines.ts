/** A line of a chart: a step at each point. */
export interface Series {
  readonly label: string
  readonly nfe: readonly number[]
  readonly value: readonly number[]
  /** Which of the colours, dashes and markers. */
  readonly style: number
  /** How far the line may be off at each point; its points are few enough to be drawn all. */
  readonly band?: { readonly low: readonly number[]; readonly high: readonly number[] }
}

/**
 * As much of a line as can be seen: where more than two points fall on a column, the first, the lowest, the highest and
 * the last of them. A line of few points stays what it is.
 *
 * @param place where on the axis a point is, from 0 to 1
 */
export function decimated(line: Series, columns: number, place: (nfe: number) => number): Series {
  const { nfe, value } = line
  const n = nfe.length
  if (n <= 2 * columns || line.band) return line
  const kept: number[] = []
  for (let i = 0; i < n; ) {
    const column = Math.floor(place(nfe[i]) * columns)
    let [low, high, last] = [i, i, i]
    for (; last + 1 < n && Math.floor(place(nfe[last + 1]) * columns) === column; last++) {
      if (value[last + 1] < value[low]) low = last + 1
      if (value[last + 1] > value[high]) high = last + 1
    }
    for (const k of [i, Math.min(low, high), Math.max(low, high), last]) if (k > (kept.at(-1) ?? -1)) kept.push(k)
    i = last + 1
  }
  return { ...line, nfe: kept.map((k) => nfe[k]), value: kept.map((k) => value[k]) }
}

/**
 * Where an axis ends that is `until` long when all is there: at a tenth of it, or a hundredth, as long as that is beyond
 * the last point, so that the beginning of a long run can be seen.
 */
export function axisEnd(until: number, last: number): number {
  let end = Math.max(until, last, 1)
  while (last > 0 && last <= end / 10) end /= 10
  return end
}

/** What a step line is at a point of the axis; undefined before its first step. */
export function valueAt({ nfe, value }: Pick<Series, 'nfe' | 'value'>, at: number): number | undefined {
  let found: number | undefined
  for (let i = 0; i < nfe.length && nfe[i] <= at; i++) found = value[i]
  return found
}

/** The points of all lines as a table of text. */
export function linesCsv(lines: readonly Series[]): string {
  const rows = lines.flatMap(({ label, nfe, value }) => nfe.map((at, i) => `${quoted(label)},${at},${value[i]}`))
  return `${['line,nfe,best_reward', ...rows].join('\n')}\n`
}

export function linesJson(lines: readonly Series[]): string {
  return `${JSON.stringify(lines.map(({ label, nfe, value }) => ({ label, nfe, bestReward: value })))}\n`
}

function quoted(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
