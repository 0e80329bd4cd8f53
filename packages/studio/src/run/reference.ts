import { ROOT } from '../tree/growing-tree.ts'
import { expectedBest } from './best-of.ts'
import type { Series } from './chart.tsx'
import type { Watch } from './watch.ts'

/**
 * What best-of-N would have brought with the same rollouts. The first sample below each child of the root is a rollout
 * of its own, drawn without regard to any reward, so these are independent draws of the model.
 */
export function reference(watch: Watch): Series | undefined {
  const { tree, rolloutCost } = watch
  if (!Number.isFinite(rolloutCost)) return undefined
  const first = new Map<number, number>()
  const head = new Int32Array(tree.size)
  for (let i = 1; i < tree.size; i++) {
    head[i] = tree.parent[i] === ROOT ? i : head[tree.parent[i]]
    if (tree.isLeaf(i) && !first.has(head[i])) first.set(head[i], tree.reward[i])
  }
  const rewards = [...first.values()]
  if (rewards.length === 0) return undefined
  // An impossible sample among them makes the first of these expectations infinite.
  const points = expectedBest(rewards).flatMap((value, k) =>
    Number.isFinite(value) ? [{ nfe: (k + 1) * rolloutCost, value }] : [],
  )
  return {
    label: 'Best of N, expected',
    nfe: points.map(({ nfe }) => nfe),
    value: points.map(({ value }) => value),
    style: 1,
  }
}
