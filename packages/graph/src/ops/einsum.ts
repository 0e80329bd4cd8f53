/**
 * Einsum. The gradient of one operand is an Einsum of the output's cotangent with the other operands;
 * `...` is written out as letters, since all ranks are known.
 */
import type { Expr } from '../build.ts'
import { required } from '../facts.ts'
import { sizeOf, tensor } from '../model.ts'
import type { Fact, OpCall, OpTable } from '../op.ts'
import { stridesOf } from './views.ts'

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'

interface Equation {
  /** Labels of every operand, one letter an axis. */
  readonly operands: readonly string[]
  readonly output: string
  /** Letters that the equation does not use. */
  readonly unused: string[]
}

/** Reads an equation against the ranks of its operands. */
function parse(ranks: readonly number[], call: OpCall): Equation {
  const equation = call.string('equation').replaceAll(' ', '')
  const [left, right] = equation.split('->')
  const terms = left.split(',')
  if (terms.length !== ranks.length)
    call.fail(`equation "${equation}" names ${terms.length} operands, ${ranks.length} were given`)
  const unused = [...letters].filter((l) => !equation.includes(l))
  const dots = (term: string, i: number): number => {
    const count = ranks[i] - term.replace('...', '').length
    if (term.includes('...') ? count < 0 : count !== 0)
      call.fail(`operand ${i} has rank ${ranks[i]}, equation "${equation}" says "${term}"`)
    return count
  }
  const width = Math.max(...terms.map(dots))
  const ellipsis = unused.splice(0, width).join('')
  const operands = terms.map((term, i) => term.replace('...', ellipsis.slice(width - dots(term, i))))
  const count = (label: string): number => operands.join('').split(label).length - 1
  const implicit = (): string =>
    ellipsis +
    [...new Set(left.replace(/[.,]/g, ''))]
      .filter((label) => count(label) === 1)
      .sort()
      .join('')
  const output = right === undefined ? implicit() : right.replace('...', ellipsis)
  for (const label of output)
    if (count(label) === 0) call.fail(`label "${label}" of equation "${equation}" is in no operand`)
  return { operands, output, unused }
}

/** Size of every label; axes of size 1 broadcast. */
function sizesOf({ operands }: Equation, shapes: readonly (readonly number[])[], call: OpCall): Map<string, number> {
  const sizes = new Map<string, number>()
  operands.forEach((labels, i) => {
    for (let axis = 0; axis < labels.length; axis++) {
      const d = shapes[i][axis]
      const had = sizes.get(labels[axis]) ?? 1
      if (had !== 1 && d !== 1 && had !== d)
        call.fail(
          `label "${labels[axis]}" has sizes ${had} and ${d} in shapes ${shapes.map((s) => `[${s}]`).join(' ')}`,
        )
      sizes.set(labels[axis], had === 1 ? d : had)
    }
  })
  return sizes
}

/** Step in an operand for one step of a label; a label that repeats walks the diagonal. */
function stepOf(label: string, labels: string, shape: readonly number[]): number {
  const strides = stridesOf(shape)
  let step = 0
  for (let axis = 0; axis < labels.length; axis++) if (labels[axis] === label && shape[axis] > 1) step += strides[axis]
  return step
}

function gradient(x: readonly Expr[], wanted: number, equation: Equation, g: Expr): Expr {
  const { b } = g
  const target = x[wanted]
  const unused = [...equation.unused]
  const terms = [equation.output, ...equation.operands.filter((_, i) => i !== wanted)]
  const operands = [g, ...x.filter((_, i) => i !== wanted)]
  const known = new Set(terms.join(''))
  let own = ''
  const labels = equation.operands[wanted]
  for (let axis = 0; axis < labels.length; axis++) {
    const label = labels[axis]
    if (!own.includes(label)) {
      own += label
      continue
    }
    // A diagonal: the second axis gets a label of its own, tied to the first by the identity.
    const fresh = unused.pop() as string
    const n = target.size(axis)
    const eye = new Float32Array(n * n)
    for (let i = 0; i < n; i++) eye[i * n + i] = 1
    terms.push(label + fresh)
    operands.push(b.constant(tensor(eye, [n, n], g.type)))
    known.add(label).add(fresh)
    own += fresh
  }
  const have = [...own].filter((l) => known.has(l)).join('')
  let dx = b.op('Einsum', operands, { equation: `${terms.join(',')}->${have}` })
  // Labels that the equation sums over in this operand alone: the same gradient all along that axis.
  const missing = [...own].map((l, axis) => (known.has(l) ? -1 : axis)).filter((axis) => axis >= 0)
  if (missing.length > 0) dx = dx.unsqueeze(missing)
  const broadcast = [...own].map((_, axis) => axis).filter((axis) => isOne(target, axis) && !isOne(dx, axis))
  if (broadcast.length > 0) dx = dx.sum(broadcast, true)
  return dx.expandLike(target)
}

const isOne = (e: Expr, axis: number): boolean => e.facts.every((f) => f.shape[axis] === 1)

export const einsum: OpTable = {
  Einsum: {
    infer: (inputs, call) => {
      const facts = inputs.map((_, i): Fact => required(inputs, i, call))
      const equation = parse(
        facts.map((f) => f.shape.length),
        call,
      )
      const sizes = sizesOf(
        equation,
        facts.map((f) => f.shape),
        call,
      )
      return [{ type: facts[0].type, shape: [...equation.output].map((l) => sizes.get(l) as number) }]
    },
    evaluate: (inputs, call, [y]) => {
      const operands = inputs.map((v) => v!)
      const shapes = operands.map((v) => v.shape)
      const equation = parse(
        shapes.map((s) => s.length),
        call,
      )
      const sizes = sizesOf(equation, shapes, call)
      const labels = [...sizes.keys()]
      const extents = labels.map((l) => sizes.get(l) as number)
      const steps = labels.map((l) => equation.operands.map((term, i) => stepOf(l, term, shapes[i])))
      const outSteps = labels.map((l) => stepOf(l, equation.output, y.shape))
      const data = new Float64Array(sizeOf(y.shape))
      const at = new Array<number>(operands.length).fill(0)
      const visit = (depth: number, to: number): void => {
        if (depth === labels.length) {
          let product = 1
          for (let i = 0; i < operands.length; i++) product *= operands[i].data[at[i]]
          data[to] += product
          return
        }
        for (let k = 0; k < extents[depth]; k++) {
          visit(depth + 1, to + k * outSteps[depth])
          for (let i = 0; i < at.length; i++) at[i] += steps[depth][i]
        }
        for (let i = 0; i < at.length; i++) at[i] -= steps[depth][i] * extents[depth]
      }
      visit(0, 0)
      return [{ shape: y.shape, data }]
    },
    vjp: ({ x, g0, call, needs }) => {
      const equation = parse(
        x.map((e) => e.rank),
        call,
      )
      return x.map((_, i) => (needs(i) ? gradient(x, i, equation, g0) : undefined))
    },
  },
}
