import fc from 'fast-check'
import { GrowingTree } from '../../src/tree/growing-tree.ts'

/** A tree grown as a search grows one: each number says where an iteration turns off, or that it falls on a known leaf. */
export function grow(
  turns: readonly number[],
  depth: number,
  rewards: readonly number[],
  each?: (tree: GrowingTree) => void,
): GrowingTree {
  const tree = new GrowingTree()
  turns.forEach((turn, i) => {
    let node = 0
    let leaf = -1
    let choice = turn
    while (leaf < 0) {
      const children = tree.childrenOf(node)
      const pick = choice % (children.length + 1)
      choice = Math.floor(choice / (children.length + 1))
      if (pick < children.length) {
        node = children[pick]
        if (tree.isLeaf(node)) leaf = node
        continue
      }
      const from = tree.size
      const levels = Array.from({ length: depth - tree.depth[node] }, (_, k) => tree.depth[node] + k + 1)
      tree.add(
        from,
        levels.map((_, k) => (k === 0 ? node : from + k - 1)),
        levels,
      )
      leaf = tree.size - 1
    }
    tree.pass(leaf, tree.isLeaf(leaf) ? tree.reward[leaf] : rewards[i % rewards.length])
    each?.(tree)
  })
  return tree
}

/** What {@link grow} takes. */
export const growths = fc.record({
  turns: fc.array(fc.nat(10_000), { minLength: 1, maxLength: 60 }),
  depth: fc.integer({ min: 1, max: 5 }),
  rewards: fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 1, maxLength: 20 }),
})
