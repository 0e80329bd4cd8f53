import { describe, expect, it } from 'vitest'
import { gridCatalogue, gridFrom, uniformGrid, vpLinear, vpTable } from '../../src/process/index.ts'
import { linearBetas } from '../../src/process/vp-table.ts'
import {
  ddim,
  dpmSolver,
  dpmSolverPlusPlus,
  dualFast,
  nfeOf,
  solverCatalogue,
  solverFrom,
} from '../../src/solve/index.ts'
import { splitCalls } from '../../src/tensor/index.ts'

const process = vpLinear()
const grid = uniformGrid(process, 8)

describe('solverFrom', () => {
  it('reads names and options', () => {
    expect(solverFrom('ddim')(process, grid)).toEqual(ddim()(process, grid))
    expect(solverFrom(' ddim( eta = 0.5 ) ')(process, grid)).toEqual(ddim({ eta: 0.5 })(process, grid))
    expect(solverFrom('dpm++2m(type=taylor, lowerOrderFinal=false)')(process, grid)).toEqual(
      dpmSolverPlusPlus({ type: 'taylor', lowerOrderFinal: false })(process, grid),
    )
  })

  it('reads solvers within solvers', () => {
    const wrapped = solverFrom('dualfast(base=dpm-2m(type=taylor), c=0.3, power=0)')
    expect(wrapped(process, grid)).toEqual(dualFast(dpmSolver({ type: 'taylor' }), { c: 0.3 })(process, grid))
  })

  it.each(solverCatalogue.map(({ name, make }) => [name, make] as const))('%s makes a plan', (name, make) => {
    const options = ['momentum', 'dualfast', 'denoised'].includes(name) ? { base: 'dpm++2m' } : {}
    const plan = make(options)(process, uniformGrid(process, 9, { to: 1e-3 }))
    expect(nfeOf(plan)).toBeGreaterThan(0)
  })

  it.each([
    ['dualfast', 'as base=...'],
    ['dualfast(base=dim)', 'there is no solver "dim"'],
    ['dim', 'there is no solver "dim"; there are ddim, ddpm'],
    ['ddim(eta=2)', 'ddim.eta: '],
    ['ddim(eta=0,eta=1)', 'each option once'],
    ['ddim(theta=1)', 'Unrecognized key: "theta"'],
    ['ddim(0.5)', 'name(option=value, ...)'],
    ['ddim(eta=1', 'name(option=value, ...)'],
    ['ddim(eta=(1)', 'do not match'],
  ])('refuses %s in one line', (text, message) => {
    expect(() => solverFrom(text)).toThrow(message)
  })
})

describe('gridFrom', () => {
  it('reads names, options and ends', () => {
    const times = gridFrom('karras(exponent=5, rhoMax=80, rhoMin=0.02)')(process, 6)
    expect(Math.exp(-process.logSnr(times[0]))).toBeCloseTo(80, 9)
    expect(Math.exp(-process.logSnr(times[5]))).toBeCloseTo(0.02, 12)
    expect(times[6]).toBe(0)
    // What the caller asks for goes first.
    expect(gridFrom('uniform(to=0.2)')(process, 4, { to: 0.1 }).at(-1)).toBe(0.1)
  })

  it.each(gridCatalogue.map(({ name, make }) => [name, make] as const))('%s makes a grid', (_, make) => {
    const times = make({})(vpTable(linearBetas()), 10)
    expect(times).toHaveLength(11)
    expect(times).toEqual([...times].sort((p, q) => q - p))
  })

  it('refuses what it does not know in one line', () => {
    expect(() => gridFrom('even')).toThrow('there is no grid "even"; there are uniform')
    expect(() => gridFrom('spaced(spacing=odd)')).toThrow('spaced.spacing')
    expect(() => gridFrom('spaced(from=1)')).toThrow('Unrecognized key: "from"')
  })
})

it('splitCalls splits at the commas outside parentheses', () => {
  expect(splitCalls('a, b(c=1, d=e(f=2)), g')).toEqual(['a', 'b(c=1, d=e(f=2))', 'g'])
  expect(() => splitCalls('a)(')).toThrow('do not match')
})
