/** The table of operators and how their gradients were checked (OPS.md). */
import { operators } from '../../src/index.ts'
import { type OpCase, opsetOf, type Report } from './harness.ts'

export interface Checked {
  readonly case: OpCase
  readonly report: Report
}

const head = `# Operators

Every operator of the standard domain that this package reads, differentiates and interprets, and how each was checked.
Written by the tests themselves:

\`\`\`
WRITE_OPS_TABLE=1 npx vitest run packages/graph/test/ops/ops.test.ts && cat packages/graph/OPS.md
\`\`\`

- **gradient**: \`rule\`, or \`zero\` where the derivative vanishes almost everywhere, or \`-\` (not on a differentiable path).
- **cases**: combinations of shapes, attributes and operator sets; each with batches of 1 and 3 where the batch is free.
- **points**: cases at kinks, poles and ties, compared with the exact gradient.
- The other columns are the largest relative errors over all cases. **forward**: the float64 interpreter against
  ONNX Runtime in float32. **differences**: the rule against central differences of the interpreter, in float64.
  **second**: the derivative of the gradient graph, likewise. **runtime**: gradients and second derivatives in ONNX
  Runtime (float32) against the interpreter. **adjoint**: <u, A x> = <A^T u, x> for linear operators, in ONNX Runtime.

`

const columns = ['forward', 'finite', 'second', 'runtime', 'adjoint'] as const

const digits = (error: number | undefined): string =>
  error === undefined ? '' : error === 0 ? '0' : error.toExponential(0)

interface Row {
  readonly fixed: readonly string[]
  readonly errors: readonly string[]
}

function rowOf(op: string, checked: readonly Checked[]): Row {
  const { vjp } = operators[op]
  const gradient = vjp === undefined ? '-' : vjp === 'zero' ? 'zero' : 'rule'
  const opsets = [...new Set(checked.map((c) => opsetOf(c.case)))].sort((a, b) => a - b)
  const points = checked.filter((c) => c.case.gradients).length
  const worst = (key: (typeof columns)[number]): string => {
    const found = checked.map((c) => c.report[key]).filter((e) => e !== undefined)
    return digits(found.length > 0 ? Math.max(...found) : undefined)
  }
  return {
    fixed: [op, gradient, opsets.join(' '), String(checked.length), points > 0 ? String(points) : ''],
    errors: columns.map(worst),
  }
}

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`

/** The whole file. */
export function tableOf(checked: readonly Checked[]): string {
  const rows = Object.keys(operators)
    .filter((op) => operators[op].evaluate)
    .sort()
    .map((op) =>
      rowOf(
        op,
        checked.filter((c) => c.case.op === op),
      ),
    )
  const titles = [
    'operator',
    'gradient',
    'opsets',
    'cases',
    'points',
    'forward',
    'differences',
    'second',
    'runtime',
    'adjoint',
  ]
  return [
    `${head}${line(titles)}`,
    line(titles.map(() => '---')),
    ...rows.map((r) => line([...r.fixed, ...r.errors])),
    '',
  ].join('\n')
}

/** The table without its measured numbers, which may differ in the last place from machine to machine. */
export const withoutNumbers = (table: string): string =>
  table
    .split('\n')
    .map((l) => (l.startsWith('|') ? l.split('|').slice(1, 6).join('|') : l))
    .join('\n')
