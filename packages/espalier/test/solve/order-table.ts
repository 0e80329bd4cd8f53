/** The generated table of orders (ORDERS.md). */
import type { Claim } from './order-cases.ts'

export interface OrderRow {
  readonly name: string
  readonly target: string
  readonly calls: number
  readonly claim: Claim
  readonly uniform: Claim
  readonly degrees: readonly number[]
  readonly limit: number
  /** Measured slopes per world of {@link WORLDS}, the last one on the uniform-rho grid. */
  readonly measured: readonly Claim[]
}

export interface WeakRow {
  readonly name: string
  readonly order: number
  readonly measured: readonly number[]
  /** Relative error of the variance at 10 steps. */
  readonly error: number
  readonly keeps: boolean
}

export interface StabilityRow {
  readonly k: number
  readonly limits: readonly number[]
}

const head = `# Orders

What the tables of the solvers are, measured and computed. Written, and checked, by the tests:

\`\`\`
WRITE_ORDERS_TABLE=1 npx vitest run packages/espalier/test/solve/orders.test.ts && cat packages/espalier/ORDERS.md
\`\`\`

## Deterministic solvers

Two orders each, \`exact / own\`: with exact states for the first quarter of the run, and from the solver's own start. A
multistep method that starts with one DDIM step has one error of h^2 in it, and order 2 however high its own order is.

- **order**: in theory, on smooth grids, and where it differs on grids that are **uniform in rho**. The test computes both
  from the order conditions of the table (\`orderOf\`), and they agree.
- **calls**: network calls of a step well inside the run.
- **degree**: the highest degree of a polynomial in rho, lambda and t for which such a step is exact, on a grid that is
  even in t. It tells DEIS from DPM-Solver from Adams-Bashforth; methods that are none of these have 0.
- **Z**: the stability limit. A direction of the ODE in which \`|delta rho| deps/dy\` is beyond Z grows from step to step,
  on short steps that are even in rho. It is per step: divide by the calls to compare at equal NFE.
- The other columns are measured slopes of the error at 80 to 160 steps (fewer where rounding is in the way), on a mixture
  of three Gaussians, from rho = 0.72 to 0.52, in the processes VP (linear), VE, rectified flow, and mean-reverting
  (constant speed). Each is within 0.25 of the theory.

\`released\` are the forms of public code, next to the right ones: the third-order weight of DPM-Solver is half of what it
should be, which leaves order 2.

`

const weakHead = `
## Stochastic solvers

On data \`N(1, 0.5^2)\` the law of every state is computed exactly (\`moments\`). The mean is right to rounding for all of
them but \`flow-sde\` (plain Euler-Maruyama in time), as its path is one of a constant prediction; what differs is the variance.

- **order**: of the variance at the end, in theory, from the solver's own start.
- The columns of slopes are measured at 160 to 320 steps from rho = 0.72 to 0.5; **error** is that of the variance at 10
  steps from rho = 2 to 0.2 (VP), relative.
- **keeps**: whether data at one point have the right mean and variance at every time of a grid of 5 steps.

\`renoise\` is meant for consistency models; with a denoiser it does not converge to the data, as the table shows.
The released singlestep SDE form has a noise of its own at each node, which is not a path of the SDE: order 1.

`

const stabilityHead = `
## Momentum and stability

Z as above, for k predictions: Adams-Bashforth (iPNDM), GHVB, heavy ball (HB) and Nesterov (NT) with momentum beta, each
computed from its table. They are \`2 (2 - b) / b, 2 - b, 6 (2 - b) / (12 - b), 3 (2 - b) / (11 - b)\` for GHVB, those of
Adams-Bashforth times \`(2 - b) / b\` for HB and \`(2 - b) / (b (3 - 2 b))\` for NT. So momentum widens the region at the
same number of calls; HB and NT pay with order 1, GHVB keeps its order (on grids that are uniform in rho).

`

export const WORLDS = ['VP log-SNR', 'VE even t', 'flow even t', 'mean-rev. even t', 'VP even rho'] as const
export const METHODS = ['AB', 'GHVB .8', 'GHVB .5', 'HB .8', 'HB .5', 'NT .8'] as const

const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`
const titled = (titles: readonly string[], rows: readonly string[]) => [
  line(titles),
  line(titles.map(() => '---')),
  ...rows,
]
const pair = ({ exact, own }: Claim, digits: number) => `${exact.toFixed(digits)} / ${own.toFixed(digits)}`

/** The whole file. */
export function tableOf(
  orders: readonly OrderRow[],
  weak: readonly WeakRow[],
  stability: readonly StabilityRow[],
): string {
  const last = WORLDS.length - 1
  const orderRows = orders.map(({ name, target, calls, claim, uniform, degrees, limit, measured }) =>
    line([
      name,
      target,
      calls,
      pair(claim, 0),
      ...measured.slice(0, last).map((slopes) => pair(slopes, 2)),
      claim.exact === uniform.exact && claim.own === uniform.own ? '' : pair(uniform, 0),
      pair(measured[last], 2),
      degrees.join(' '),
      Number.isFinite(limit) ? limit.toFixed(3) : 'none',
    ]),
  )
  const orderTitles = [
    'solver',
    'target',
    'calls',
    'order',
    ...WORLDS.slice(0, last),
    'uniform rho',
    WORLDS[last],
    'degree',
    'Z',
  ]
  const weakRows = weak.map(({ name, order, measured, error, keeps }) =>
    line([name, order, ...measured.map((slope) => slope.toFixed(2)), error.toPrecision(2), keeps ? 'yes' : 'no']),
  )
  const stabilityRows = stability.map(({ k, limits }) => line([k, ...limits.map((limit) => limit.toFixed(3))]))
  return [
    `${head}${titled(orderTitles, orderRows).join('\n')}`,
    `${weakHead}${titled(['solver', 'order', 'VP', 'flow', 'mean-rev.', 'error', 'keeps'], weakRows).join('\n')}`,
    `${stabilityHead}${titled(['k', ...METHODS], stabilityRows).join('\n')}`,
    '',
  ].join('\n')
}

/**
 * The first place where two tables differ, undefined where they say the same: numbers may differ in the last place from
 * machine to machine.
 */
export function differenceOf(written: string, table: string): string | undefined {
  const [a, b] = [written, table].map((text) => text.split(/[\s|]+/))
  const close = (u: string, v: string) => {
    const [x, y] = [Number(u), Number(v)]
    return u === v || (u !== '' && v !== '' && Math.abs(x - y) <= Math.max(0.05, 0.05 * Math.abs(y)))
  }
  const at = b.findIndex((token, i) => a[i] === undefined || !close(a[i], token))
  if (at >= 0) return `"${a[at]}" is now "${b[at]}"`
  return a.length === b.length ? undefined : `${a.length - b.length} words too many`
}
