import { useEffect, useState } from 'preact/hooks'
import { number, percent, whole } from '../format.ts'
import { engine } from '../studio.ts'
import { ROOT } from '../tree/growing-tree.ts'
import { depthOf, nameOf } from '../tree/painter.ts'
import { describe } from '../tree/picture.ts'
import { Picture } from './gallery.tsx'
import type { Watch } from './watch.ts'

const CHILDREN = 8

export interface InspectorProps {
  readonly watch: Watch
  readonly selected: number | undefined
  onSelect(node: number | undefined): void
}

/** What is known of the selected node, and how its value comes about. */
export function Inspector({ watch, selected, onSelect }: InspectorProps) {
  watch.calmVersion.value
  const { tree, levels } = watch
  if (!watch.hasTree) {
    return selected === undefined || selected >= watch.samples.length ? (
      <section class="inspector panel" aria-label="Inspector">
        <h2>Inspector</h2>
        <p class="quiet">Choose a sample to see it here.</p>
      </section>
    ) : (
      <section class="inspector panel" aria-label="Inspector">
        <h2>Sample {selected}</h2>
        <Picture watch={watch} place={{ sample: selected }} large />
        <dl>
          <Fact name="Reward">{number(watch.samples[selected])}</Fact>
          <Fact name="State">{stateOf(watch, { sample: selected })}</Fact>
        </dl>
      </section>
    )
  }
  if (selected === undefined || selected >= tree.size) {
    return (
      <section class="inspector panel" aria-label="Inspector">
        <h2>Inspector</h2>
        <p class="quiet">Choose a node of the tree, or a sample, to see its state and how its value came about.</p>
        {tree.bestLeaf >= 0 && (
          <button type="button" onClick={() => onSelect(tree.bestLeaf)}>
            Show the best sample
          </button>
        )}
      </section>
    )
  }
  const lambda = watch.summary.value?.config.lambda ?? 1
  const values = tree.values(lambda)
  const leaf = tree.isLeaf(selected)
  const below = tree.bestBelow()[selected]
  const level = levels[tree.depth[selected]]
  const children = tree.childrenOf(selected).sort((a, b) => values[b] - values[a])
  const known = children.filter((child) => !Number.isNaN(values[child]))
  return (
    <section class="inspector panel" aria-label="Inspector">
      <h2>{selected === ROOT ? 'Root' : `Node ${selected}`}</h2>
      {selected === ROOT ? (
        <p class="quiet">The root stands above the prior: it has no state of its own.</p>
      ) : (
        <div class="pair">
          <figure>
            <Picture watch={watch} place={{ node: selected }} large />
            <figcaption>its state</figcaption>
          </figure>
          {!leaf && below >= 0 && (
            <figure>
              <Picture watch={watch} place={{ node: below }} large />
              <figcaption>
                <button type="button" class="link" onClick={() => onSelect(below)}>
                  best sample below
                </button>
              </figcaption>
            </figure>
          )}
        </div>
      )}
      <dl>
        <Fact name="Level">{nameOf(tree.depth[selected], depthOf(tree, levels), levels)}</Fact>
        {level && <Fact name="Time">{number(level.time)}</Fact>}
        <Fact name="Passes">
          {whole(tree.passes[selected])} ({percent(tree.passes[selected] / Math.max(1, tree.passes[ROOT]))} of the work)
        </Fact>
        <Fact name={leaf ? 'Reward' : 'Value'}>{number(values[selected])}</Fact>
        {!leaf && <Exact key={selected} watch={watch} node={selected} />}
        {selected !== ROOT && <Fact name="State">{stateOf(watch, { node: selected })}</Fact>}
      </dl>
      {selected !== ROOT && (
        <p>
          <button type="button" onClick={() => onSelect(tree.parent[selected])}>
            Up to {tree.parent[selected] === ROOT ? 'the root' : `node ${tree.parent[selected]}`}
          </button>
        </p>
      )}
      {known.length > 0 && (
        <>
          <h3>How the value comes about</h3>
          <p class="formula">
            {formula(
              known.map((child) => values[child]),
              values[selected],
              lambda,
            )}
          </p>
          <table>
            <caption>
              Children, best first{children.length > CHILDREN && `: ${CHILDREN} of ${whole(children.length)}`}
            </caption>
            <thead>
              <tr>
                <th scope="col">Node</th>
                <th scope="col">Value</th>
                <th scope="col">Passes</th>
              </tr>
            </thead>
            <tbody>
              {children.slice(0, CHILDREN).map((child) => (
                <tr key={child}>
                  <td>
                    <button type="button" class="link" onClick={() => onSelect(child)}>
                      {child}
                    </button>
                  </td>
                  <td>{number(values[child])}</td>
                  <td>{whole(tree.passes[child])}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
    </section>
  )
}

function Fact({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

/** What the value converges to, of worlds that have a closed form for it. */
function Exact({ watch, node }: { watch: Watch; node: number }) {
  const [value, setValue] = useState<number | null>(null)
  const time = watch.levels[watch.tree.depth[node]]?.time
  useEffect(() => {
    if (node !== ROOT && time === undefined) return
    // A state that is not kept has no exact value here; the line is then left out.
    engine.exact(watch.id, node === ROOT ? undefined : { node, time }).then(setValue, () => setValue(null))
  }, [node, time])
  return value === null ? null : <Fact name="Exact value">{number(value)}</Fact>
}

function stateOf(watch: Watch, place: { node: number } | { sample: number }): string {
  watch.thumbnails.arrived.value
  const state = watch.thumbnails.state(place)
  return state ? describe(state) : '…'
}

/** The backup with the numbers of this node. */
function formula(children: readonly number[], value: number, lambda: number): string {
  const shown = children.slice(0, 3).map(number)
  const dots = children.length > 3 ? ', …' : ''
  const n = children.length
  if (lambda === 0) return `v = mean(${shown.join(', ')}${dots}) = ${number(value)}`
  return `v = (1/${number(lambda)}) · log(1/${n} · Σ exp(${number(lambda)} · {${shown.join(', ')}${dots}})) = ${number(value)}`
}
