const grouped = new Intl.NumberFormat('en')

export function whole(value: number): string {
  return grouped.format(Math.round(value))
}

/** Four significant digits, and a real minus sign. */
export function number(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–'
  if (value === Infinity) return '∞'
  if (value === -Infinity) return '−∞'
  const size = Math.abs(value)
  const text = size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(2) : `${Number(value.toPrecision(4))}`
  return text.replace(/-/g, '−')
}

export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–'
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`
  return `${(seconds / 3600).toFixed(1)} h`
}

export function bytes(count: number): string {
  if (count >= 999.95e6) return `${(count / 1e9).toFixed(1)} GB`
  return count < 999.5e3 ? `${(count / 1e3).toFixed(0)} kB` : `${(count / 1e6).toFixed(1)} MB`
}

export function percent(share: number): string {
  return `${Math.round(100 * share)} %`
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
