import type { ModelEntry, RunConfig } from '@espalier/engine'
import { useEffect, useState } from 'preact/hooks'
import { messageOf } from '../../format.ts'
import { workshop } from '../../studio.ts'

/** Milliseconds for which nothing is typed before a table is made. */
const CALM = 250
/** Steps of a table that is made to be counted, at most; one of more steps costs in proportion. */
const MOST = 100

/** What the table of a solver tells the form. */
export interface TableFacts {
  /** NFE of one sample. */
  readonly nfe?: number
  /** Order and cost, in a line. */
  readonly said: string
  readonly error?: string
}

const nothing: TableFacts = { said: '' }

/** The table of the solver of a config: its order, and what a sample costs. */
export function useTable(config: RunConfig | undefined, model: ModelEntry | undefined): TableFacts {
  const [facts, setFacts] = useState(nothing)
  const { solver, grid, steps = 0 } = config ?? {}
  const process = model?.kind === 'text' ? undefined : model?.process
  useEffect(() => {
    if (solver === undefined || grid === undefined || process === undefined) {
      if (process === undefined) setFacts(nothing)
      return
    }
    let current = true
    const timer = setTimeout(() => {
      const made = Math.min(steps, MOST)
      workshop.analyse(solver, process, grid, made).then(
        ({ analysis, order }) => {
          if (!current) return
          const nfe = Math.round((analysis.nfe * steps) / made)
          const kind = order ? `Order ${order.steady}` : 'Draws noise, so it has no order'
          setFacts({ nfe, said: `${kind}; ${nfe} network call${nfe === 1 ? '' : 's'} a sample.` })
        },
        (cause: unknown) => current && setFacts({ said: '', error: messageOf(cause) }),
      )
    }, CALM)
    return () => {
      current = false
      clearTimeout(timer)
    }
  }, [solver, grid, steps, process])
  return facts
}
