import { readFileSync } from 'node:fs'
import { readModel, writeModel, writeModelWithExternalData } from '@espalier/graph'
import { describe, expect, it } from 'vitest'
import { analysePlan, analyseSolver, bundleOf } from '../src/engine/analysis.ts'
import { inspect } from '../src/engine/inspect.ts'

const small = new Uint8Array(readFileSync(new URL('../../zoo/models/mnist-small/model.onnx', import.meta.url)))

describe('the bundle of a solver', () => {
  it('comes to the ends of the exact flow, at the order of the solver', () => {
    const error = (solver: string, steps: number) => {
      const bundle = bundleOf(analyseSolver(solver, 'vp-linear', 'logSnr', steps).plan)
      for (const paths of [bundle.paths, bundle.exact]) {
        expect(paths.map((path) => path.length)).toEqual(new Array(24).fill(steps + 1))
      }
      // Both start at the same noise.
      expect(bundle.paths.map(([start]) => start)).toEqual(bundle.exact.map(([start]) => start))
      return bundle.error as number
    }
    expect(Math.log2(error('ddim', 32) / error('ddim', 64))).toBeGreaterThan(0.8)
    expect(error('dpm++2m', 64)).toBeLessThan(0.2 * error('ddim', 64))
  })

  it('has no error where the solver draws noise, and draws the same noise again', () => {
    const { plan } = analyseSolver('ddpm', 'vp-cosine', 'uniform', 8)
    const bundle = bundleOf(plan)
    expect(bundle.error).toBeNull()
    expect(bundleOf(plan)).toEqual(bundle)
  })
})

describe('a table from a file', () => {
  it('has the sheet of the solver that made it', () => {
    const made = analyseSolver('dpm++2m', 've', 'karras', 6)
    const read = analysePlan(JSON.parse(JSON.stringify(made.plan)))
    expect({ ...read, order: made.order }).toEqual(made)
  })

  it('is refused in one line', () => {
    const { plan } = analyseSolver('ddim', 'vp-cosine', 'uniform', 4)
    expect(() => analysePlan({ ...plan, process: 'other' })).toThrow('the plan is for the process other')
    expect(() => analysePlan({ ...plan, grid: [0, 1] })).toThrow('plan.grid[1]: times must decrease')
  })
})

describe('a network in a file', () => {
  it('is told by its ports and size', () => {
    const { inputs, outputs, parameters, opset, whole } = inspect(small)
    expect(inputs.map(({ name, type }) => [name, type])).toEqual([
      ['x', 'float32'],
      ['t', 'float32'],
      ['label', 'float32'],
    ])
    expect(outputs).toHaveLength(1)
    expect(parameters).toBeGreaterThan(60_000)
    expect(opset).toBe(18)
    expect(whole).toBeUndefined()
  })

  it('takes its weights from a file beside it, and asks for it where it is missing', () => {
    const { model, data } = writeModelWithExternalData(readModel(small), 'weights.data', 100)
    const inspection = inspect(model, new Map([['weights.data', data]]))
    expect(inspection.parameters).toBe(inspect(small).parameters)
    const whole = readModel(inspection.whole as Uint8Array)
    expect([...whole.graph.initializers]).toEqual([...readModel(small).graph.initializers])
    expect(() => inspect(model)).toThrow(
      'lies in "weights.data", which cannot be read: it was not given; give both files together',
    )
  })

  it('is refused in one line where it cannot run here', () => {
    const model = readModel(small)
    const says = (bytes: Uint8Array) => {
      try {
        inspect(bytes)
      } catch (error) {
        return (error as Error).message
      }
      return ''
    }
    expect(says(new Uint8Array())).toBe('the file is empty')
    expect(says(writeModel({ ...model, opset: 99 }))).toContain('operator set 99; 7 to 26 run here')
    const [state, ...rest] = model.graph.inputs
    const double = { ...model, graph: { ...model.graph, inputs: [{ ...state, type: 'float64' as const }, ...rest] } }
    expect(says(writeModel(double))).toContain('its input x is float64')
    for (const bytes of [small.subarray(0, 1000), new TextEncoder().encode('not a network'), new Uint8Array(9)]) {
      const line = says(bytes)
      expect(line).not.toBe('')
      expect(line).not.toContain('\n')
    }
  })
})
