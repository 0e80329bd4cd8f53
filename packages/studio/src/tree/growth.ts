import type { GrowingTree } from './growing-tree.ts'

/** Where each iteration of a tree turned off from what was there: the depth of its first new node, 0 where it had none. */
export class Growth {
  readonly depths: number[] = []
  #youngest = 0

  /** Takes the iterations that are new. */
  follow(tree: GrowingTree): void {
    for (let k = this.depths.length; k < tree.iterations.length; k++) {
      let turn = 0
      const leaf = tree.iterations[k]
      for (let node = leaf; node > this.#youngest; node = tree.parent[node]) turn = tree.depth[node]
      if (leaf > this.#youngest) this.#youngest = leaf
      this.depths.push(turn)
    }
  }
}
