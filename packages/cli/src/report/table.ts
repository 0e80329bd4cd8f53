/** One table, printed in a terminal or set in a page. */

import type { Interval } from 'espalier/measure'

export interface Table {
  readonly columns: readonly TableColumn[]
  readonly rows: readonly (readonly string[])[]
}

export interface TableColumn {
  readonly name: string
  /** Numbers stand at the right edge. Default left. */
  readonly right?: boolean
}

/** Columns padded with spaces, a rule below the names. @throws if a row has another number of cells */
export function tableToText({ columns, rows }: Table): string {
  for (const row of rows) {
    if (row.length !== columns.length)
      throw new Error(`table: ${row.length} cells in a row of ${columns.length} columns`)
  }
  const widths = columns.map((column, i) => Math.max(column.name.length, ...rows.map((row) => row[i].length)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (columns[i].right ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join('  ')
      .trimEnd()
  return [line(columns.map((c) => c.name)), widths.map((w) => '─'.repeat(w)).join('  '), ...rows.map(line)].join('\n')
}

/** `-0.123 [-0.2, -0.05]`: the mean and its 95% interval; the mean alone where one value gives no interval. */
export function formatInterval({ mean, low, high }: Interval, digits = 3): string {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return formatNumber(mean, digits)
  // The interval's width decides how many decimals mean anything.
  const decimals = Math.min(8, Math.max(0, digits - 1 - Math.floor(Math.log10(high - low))))
  const print = (value: number) => (high > low ? value.toFixed(decimals) : formatNumber(value, digits))
  return `${print(mean)} [${print(low)}, ${print(high)}]`
}

/** `digits` significant digits, no exponent for ordinary sizes, thousands apart from 10 000 on. */
export function formatNumber(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return String(value)
  if (Number.isInteger(value) && Math.abs(value) >= 1e4) return value.toLocaleString('en-US').replaceAll(',', ' ')
  if (value !== 0 && Math.abs(value) < 1e-4) return value.toExponential(digits - 1)
  return String(Number(value.toPrecision(Math.abs(value) >= 1000 ? Math.max(digits, 4) : digits)))
}

/** `840 ms`, `12.3 s`, `4 min 05 s`, `2 h 07 min`. @param seconds not negative */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?'
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`
}
