import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { number, percent, whole } from '../format.ts'
import { engine } from '../studio.ts'
import { type GrowingTree, ROOT } from '../tree/growing-tree.ts'
import { depthOf, nameOf } from '../tree/painter.ts'
import { describe } from '../tree/picture.ts'
import { formula } from './formula.ts'
import { NodeActions } from './node-actions.tsx'
import { Picture } from './picture.tsx'
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
  const tree = watch.shown
  const trees = watch.hasTree
  const chosen = selected !== undefined && (trees ? tree.has(selected) : selected < watch.samples.length)
  return (
    <section class="inspector panel" aria-label="Inspector">
      {chosen && trees ? (
        <NodeSheet watch={watch} node={selected} onSelect={onSelect} />
      ) : chosen ? (
        <SampleSheet watch={watch} sample={selected} />
      ) : (
        <Nothing watch={watch} selected={selected} onSelect={onSelect} />
      )}
    </section>
  )
}

function Nothing({ watch, selected, onSelect }: InspectorProps) {
  const tree = watch.shown
  const later = selected !== undefined && watch.hasTree && watch.tree.has(selected)
  return (
    <>
      <h2>Inspector</h2>
      <p class="quiet">
        {later
          ? `Node ${selected} is not there yet at this moment.`
          : watch.growsTree
            ? 'Choose a node of the tree, or a sample, to see its state and how its value came about.'
            : 'Choose a sample to see it here.'}
      </p>
      {tree.bestLeaf >= 0 && (
        <button type="button" onClick={() => onSelect(tree.bestLeaf)}>
          Show the best sample
        </button>
      )}
    </>
  )
}

function SampleSheet({ watch, sample }: { watch: Watch; sample: number }) {
  return (
    <>
      <h2>Sample {sample}</h2>
      <Picture watch={watch} place={{ sample }} large />
      <dl>
        <Fact name="Reward">{number(watch.samples[sample])}</Fact>
        <Fact name="State">{stateOf(watch, { sample })}</Fact>
      </dl>
      <NodeActions key={sample} watch={watch} place={{ sample }} />
    </>
  )
}

function NodeSheet({ watch, node, onSelect }: { watch: Watch; node: number; onSelect(node: number): void }) {
  const tree = watch.shown
  const { levels } = watch
  const lambda = watch.summary.value?.config.lambda ?? 1
  const values = tree.values(lambda)
  const leaf = tree.isLeaf(node)
  const level = levels[tree.depth[node]]
  return (
    <>
      <h2>{node === ROOT ? 'Root' : `Node ${node}`}</h2>
      <States watch={watch} tree={tree} node={node} onSelect={onSelect} />
      <dl>
        <Fact name="Level">{nameOf(tree.depth[node], depthOf(tree, levels), levels)}</Fact>
        {level?.sigma != null && <Fact name="Time">{number(level.time)}</Fact>}
        <Fact name="Passes">
          {whole(tree.passes[node])} ({percent(tree.passes[node] / Math.max(1, tree.passes[ROOT]))} of the work)
        </Fact>
        <Fact name={leaf ? 'Reward' : 'Value'}>{number(values[node])}</Fact>
        {!leaf && <Exact key={node} watch={watch} node={node} />}
        {node !== ROOT && <Fact name="State">{stateOf(watch, { node })}</Fact>}
      </dl>
      {node !== ROOT && (
        <NodeActions key={node} watch={watch} place={{ node }}>
          <button type="button" onClick={() => onSelect(tree.parent[node])}>
            Up to {tree.parent[node] === ROOT ? 'the root' : `node ${tree.parent[node]}`}
          </button>
        </NodeActions>
      )}
      {tree.children[node] > 0 && (
        <Children tree={tree} node={node} values={values} lambda={lambda} onSelect={onSelect} />
      )}
    </>
  )
}

interface StatesProps {
  readonly watch: Watch
  readonly tree: GrowingTree
  readonly node: number
  onSelect(node: number): void
}

/** The noisy state of a node, what the network expects of it, and what came of it. */
function States({ watch, tree, node, onSelect }: StatesProps) {
  const below = tree.bestBelow()[node]
  const leaf = tree.isLeaf(node)
  if (node === ROOT) return <p class="quiet">The root stands above the prior: it has no state of its own.</p>
  return (
    <>
      <div class={watch.thumbnails.text.value ? 'states texts' : 'states'}>
        <figure>
          <Picture watch={watch} place={{ node }} large />
          <figcaption>{leaf ? 'the sample' : 'its noisy state'}</figcaption>
        </figure>
        {!leaf && (
          <figure>
            <Picture watch={watch} place={{ node }} large ahead />
            <figcaption>look-ahead</figcaption>
          </figure>
        )}
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
      {!leaf && <AboutLookAhead watch={watch} node={node} />}
    </>
  )
}

/** What a look-ahead is, or why there is none: one line, so that nothing moves when it comes. */
function AboutLookAhead({ watch, node }: { watch: Watch; node: number }) {
  watch.lookAheads.arrived.value
  const failure = watch.lookAheads.failure({ node })
  const told = failure
    ? `No look-ahead: ${failure}`
    : watch.thumbnails.text.value
      ? 'Look-ahead: the likeliest token in each gap'
      : 'Look-ahead: what the network expects here'
  return (
    <p class="quiet about-ahead" title={told}>
      {told}
    </p>
  )
}

interface ChildrenProps {
  readonly tree: GrowingTree
  readonly node: number
  readonly values: ArrayLike<number>
  readonly lambda: number
  onSelect(node: number): void
}

function Children({ tree, node, values, lambda, onSelect }: ChildrenProps) {
  const order = (child: number) => (Number.isNaN(values[child]) ? Number.NEGATIVE_INFINITY : values[child])
  const children = tree.childrenOf(node).sort((a, b) => order(b) - order(a) || a - b)
  const known = children.filter((child) => !Number.isNaN(values[child]))
  return (
    <>
      <h3>How the value comes about</h3>
      {known.length > 0 && (
        <p class="formula">
          {formula(
            known.map((child) => values[child]),
            values[node],
            lambda,
          )}
        </p>
      )}
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
  )
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
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
  if (!state) return '…'
  return state.text === undefined ? describe(state) : `${whole(state.data.length)} tokens`
}
