import type { Process } from './process.ts'

const checkRange = (what: string, low: number, high: number) => {
  if (!(low > 0 && high > low && high < Infinity)) {
    throw new Error(`${what} needs 0 < sigmaMin < sigmaMax, got sigmaMin = ${low} and sigmaMax = ${high}`)
  }
}

/**
 * VE (Song et al. 2021, eq. 30): `a = 1`, `s = sigmaMin (sigmaMax / sigmaMin)^t`. It ends at `sigmaMin`, not in clean
 * data. Default 0.01 to 50.
 * @throws unless `0 < sigmaMin < sigmaMax`
 */
export function ve(options: { readonly sigmaMin?: number; readonly sigmaMax?: number } = {}): Process {
  const { sigmaMin = 0.01, sigmaMax = 50 } = options
  checkRange('ve', sigmaMin, sigmaMax)
  const low = Math.log(sigmaMin)
  const span = Math.log(sigmaMax) - low
  // Each end from its own constant, so that both are exact.
  const s = (t: number) => (t < 0.5 ? sigmaMin * Math.exp(span * t) : sigmaMax * Math.exp(span * (t - 1)))
  return {
    name: `ve(${sigmaMin},${sigmaMax})`,
    a: () => 1,
    s,
    da: () => 0,
    ds: (t) => span * s(t),
    logSnr: (t) => -(low + span * t),
    timeOfLogSnr: (lambda) => (-lambda - low) / span,
    start: 1,
  }
}

/**
 * EDM (Karras et al. 2022, table 1, column "Ours"): `a = 1`, `s = sigmaMax t`, so that the probability flow is
 * `dx/ds = eps`. Grids in lambda or rho jump to clean data from `sigmaMin`. Default 0.002 and 80.
 * @throws unless `0 < sigmaMin < sigmaMax`
 */
export function edm(options: { readonly sigmaMin?: number; readonly sigmaMax?: number } = {}): Process {
  const { sigmaMin = 0.002, sigmaMax = 80 } = options
  checkRange('edm', sigmaMin, sigmaMax)
  return {
    name: `edm(${sigmaMin},${sigmaMax})`,
    a: () => 1,
    s: (t) => sigmaMax * t,
    da: () => 0,
    ds: () => sigmaMax,
    logSnr: (t) => -Math.log(sigmaMax * t),
    timeOfLogSnr: (lambda) => Math.exp(-lambda) / sigmaMax,
    start: 1,
    last: sigmaMin / sigmaMax,
  }
}
