/** One line on stderr that says how far a computation is; silent where nobody watches. */

import { formatDuration, formatNumber } from './report/table.ts'

export interface ProgressState {
  /** Leads the line, such as `dts-star, seed 3 of 5`. */
  readonly label: string
  readonly nfe: number
  readonly budget: number
  /** Best reward so far; left out where there is no reward. */
  readonly best?: number
  /** The text of the best reward, where it is one. */
  readonly text?: string
}

export interface ProgressLine {
  /** Shows NFE, rate, time left and the best reward. */
  update(state: ProgressState): void
  /** Shows any line. @param text made only when the line is due */
  show(text: () => string): void
  /** Prints above the line. */
  say(text: string): void
  /** Takes the line away. */
  clear(): void
}

interface Stream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** @param stream where the line goes; nothing but {@link ProgressLine.say} is written unless it is a terminal */
export function progressLine(
  stream: Stream = process.stderr,
  now: () => number = () => performance.now(),
): ProgressLine {
  const live = stream.isTTY === true
  let label = ''
  let started = 0
  let firstNfe = 0
  let lastDrawn = Number.NEGATIVE_INFINITY
  let text = ''
  const erase = () => live && stream.write('\r\x1b[K')
  const show = (make: () => string) => {
    if (!live || now() - lastDrawn < 100) return
    lastDrawn = now()
    text = make().slice(0, (stream.columns || 80) - 1)
    erase()
    stream.write(text)
  }
  return {
    show,
    update(state) {
      if (state.label !== label) {
        label = state.label
        started = now()
        firstNfe = state.nfe
      }
      show(() => describe(state, (now() - started) / 1000, firstNfe))
    },
    say(message) {
      erase()
      stream.write(`${message}\n`)
      if (live) stream.write(text)
    },
    clear() {
      erase()
      text = ''
    },
  }
}

/** `dts-star  8 000/20 000 NFE (40%)  812 NFE/s  15 s left  best 2.41`. */
export function describe(state: ProgressState, seconds: number, firstNfe = 0): string {
  const { label, nfe, budget, best, text } = state
  const rate = seconds > 0 ? (nfe - firstNfe) / seconds : 0
  const parts = [
    label,
    `${formatNumber(nfe)}/${formatNumber(budget)} NFE (${Math.floor((100 * nfe) / Math.max(1, budget))}%)`,
  ]
  if (rate > 0) {
    parts.push(`${formatNumber(rate)} NFE/s`, `${formatDuration(Math.max(0, budget - nfe) / rate)} left`)
  }
  if (best !== undefined && Number.isFinite(best)) parts.push(`best ${formatNumber(best)}`)
  if (text !== undefined) parts.push(JSON.stringify(text))
  return parts.join('  ')
}
