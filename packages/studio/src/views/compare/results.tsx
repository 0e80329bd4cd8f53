import { number, whole } from '../../format.ts'
import { address } from '../../route.ts'
import { bestAt, type Group, type Mean95 } from './groups.ts'
import type { Compared } from './side-by-side.tsx'

export interface ResultsProps {
  readonly groups: readonly Group<Compared>[]
  readonly labels: readonly string[]
  /** NFE at which the best rewards are read. */
  readonly at: number
  readonly mean95: Mean95
}

/** Means with their intervals, and differences on the same seeds. */
export function Results({ groups, labels, at, mean95 }: ResultsProps) {
  const bests = groups.map(
    ({ runs }) => new Map(runs.map(({ watch, config }) => [config.seed, bestAt(watch.curve, at)])),
  )
  const shown = (values: readonly number[]) => {
    if (values.length === 0) return '–'
    const { mean, low, high, n } = mean95(values)
    return n === 1 ? number(mean) : `${number(mean)} [${number(low)}, ${number(high)}]`
  }
  const reached = (values: Iterable<number | undefined>) => [...values].filter((value) => value !== undefined)
  /** Of the seeds that both have. */
  const difference = (own: ReadonlyMap<number, number | undefined>) => {
    const pairs = [...own].flatMap(([seed, value]) => {
      const other = bests[0].get(seed)
      return value === undefined || other === undefined ? [] : [value - other]
    })
    return pairs.length === 0 ? 'no seed in common' : shown(pairs)
  }
  return (
    <section class="panel" aria-labelledby="results">
      <h2 id="results">At {whole(at)} NFE</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <section class="scroll" tabIndex={0} aria-label="Results">
        <table>
          <thead>
            <tr>
              <th scope="col">Run</th>
              <th scope="col">Seeds</th>
              <th scope="col">Best reward</th>
              <th scope="col">Difference from 1, same seeds</th>
              <th scope="col">Reward evaluations</th>
              <th scope="col">Gradient evaluations</th>
            </tr>
          </thead>
          <tbody>
            {groups.map(({ key, runs }, i) => (
              <tr key={key}>
                <th scope="row">
                  {labels[i]}
                  {runs.map(({ watch, config }) => (
                    <a
                      key={watch.id}
                      class="seed"
                      href={address(['run', watch.id])}
                      aria-label={`Run of ${labels[i]} with seed ${config.seed}`}
                    >
                      {config.seed}
                    </a>
                  ))}
                </th>
                <td>{runs.length}</td>
                <td>{shown(reached(bests[i].values()))}</td>
                <td>{i === 0 ? '–' : difference(bests[i])}</td>
                <td>{whole(meanOf(runs.map(({ watch }) => watch.summary.value?.rewardEvaluations ?? 0)))}</td>
                <td>{whole(meanOf(runs.map(({ watch }) => watch.summary.value?.gradientEvaluations ?? 0)))}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <p class="hint">Means over the seeds, with their 95 % intervals by Student’s t where there are two or more.</p>
    </section>
  )
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
