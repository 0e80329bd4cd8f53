import type { Plan } from 'espalier/solve'
import { useEffect, useState } from 'preact/hooks'
import type { Bundle } from '../../engine/analysis.ts'
import { messageOf, number } from '../../format.ts'
import { workshop } from '../../studio.ts'

/** Half the side of the square of the plane that is shown. */
const REACH = 3.2
/** Of the picture, in its own units. */
const SIDE = 400

const at = (v: number) => ((v + REACH) / (2 * REACH)) * SIDE
const line = (path: readonly (readonly [number, number])[]) =>
  path.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${at(x).toFixed(1)} ${at(-y).toFixed(1)}`).join('')

/** What a table does to points of the plane, beside the exact flow from the same noise. */
export function BundlePlot({ plan }: { plan: Plan }) {
  const [bundle, setBundle] = useState<Bundle | undefined>(undefined)
  const [error, setError] = useState<string | undefined>(undefined)
  useEffect(() => {
    let current = true
    workshop.bundle(plan).then(
      (found) => {
        if (!current) return
        setBundle(found)
        setError(undefined)
      },
      (cause: unknown) => current && setError(messageOf(cause)),
    )
    return () => {
      current = false
    }
  }, [plan])
  const ends =
    bundle?.error == null
      ? 'the solver draws noise, so that its ends are other samples of the same law'
      : `the ends are ${number(bundle.error)} away from the exact ones, root mean square`
  return (
    <section class="panel" aria-labelledby="bundle">
      <h2 id="bundle">From noise to data</h2>
      {error ? (
        <p class="quiet">{error}</p>
      ) : (
        <svg
          class="bundle"
          viewBox={`0 0 ${SIDE} ${SIDE}`}
          role="img"
          aria-label={
            bundle ? `${bundle.paths.length} paths to five Gaussians of the plane: ${ends}` : 'Paths, not there yet'
          }
        >
          {bundle?.means.map(([x, y]) => (
            <circle key={`${x} ${y}`} class="mean" cx={at(x)} cy={at(-y)} r={(0.25 / (2 * REACH)) * SIDE * 2} />
          ))}
          {bundle?.exact.map((path, i) => (
            <path key={i} class="exact" d={line(path)} />
          ))}
          {bundle?.paths.map((path, i) => (
            <path key={i} class="path" d={line(path)} />
          ))}
          {bundle?.paths.map((path, i) => {
            const [x, y] = path[path.length - 1]
            return <circle key={i} class="end" cx={at(x)} cy={at(-y)} r="3" />
          })}
        </svg>
      )}
      <p class="quiet">
        Lines: this table. Dashed: the exact probability flow from the same noise. Discs: the Gaussians, two standard
        deviations. Over √(a² + s²).{bundle ? ` Here ${ends}.` : ''}
      </p>
    </section>
  )
}
