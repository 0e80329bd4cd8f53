import type { Chain } from 'espalier/chain'
import type { Reward } from 'espalier/reward'
import { categoricalFromLog, fold, type Key, key, purpose, stream } from 'espalier/tensor'

export interface OracleNode<S> {
  state?: S
  depth: number
  value: number
  visits: number
  children: OracleNode<S>[]
  key: Key
}

interface OracleOptions<S, X> {
  readonly chain: Chain<S, X>
  readonly reward: Reward<X>
  readonly seed: number
  readonly iterations: number
  readonly lambda: number
  readonly c: number
  readonly alpha: number
  readonly selection: 'boltzmann' | 'uct'
  readonly backup: 'soft' | 'max'
}

/**
 * The oracle: one iteration after the other, written line by line from the pseudocode of the paper (Algorithm 1, and its
 * UCT variant), with objects instead of arrays. Every level of the chain branches.
 */
export async function sequentialTree<S, X>(options: OracleOptions<S, X>): Promise<OracleNode<S>> {
  const { chain, reward, seed, iterations, lambda, c, alpha, selection, backup } = options
  const node = (depth: number, nodeKey: Key): OracleNode<S> => ({
    depth,
    value: 0,
    visits: 1,
    children: [],
    key: nodeKey,
  })
  const root = node(0, purpose(key(seed), 'path'))
  const rewards: number[] = []
  for (let iteration = 0; iteration < iterations; iteration++) {
    const draws = stream(fold(purpose(key(seed), 'select'), iteration))
    const path = [root]
    let current = root
    // Selection: descend while the node is saturated.
    while (current.depth < chain.depth && current.children.length >= c * current.visits ** alpha) {
      const { children, visits } = current
      if (selection === 'boltzmann') {
        current =
          children[
            categoricalFromLog(
              draws.uniform(),
              children.map((child) => lambda * child.value),
            )
          ]
      } else {
        const mean = rewards.reduce((a, b) => a + b) / rewards.length
        const std = Math.sqrt(rewards.reduce((s, r) => s + (r - mean) ** 2, 0) / (rewards.length - 1))
        const score = (child: OracleNode<S>) => child.value + std * Math.sqrt(Math.log(visits) / child.visits)
        current = children.reduce((a, b) => (score(b) > score(a) ? b : a))
      }
      path.push(current)
    }
    // Expansion and rollout: one new child, then straight down; all states are added.
    const known = current.depth === chain.depth
    while (current.depth < chain.depth) {
      const child = node(current.depth + 1, fold(current.key, current.children.length))
      const from = current.depth === 0 ? await chain.start([child.key]) : [current.state as S]
      child.state = (await chain.step(from, current.depth, [child.key]))[0]
      current.children.push(child)
      current = child
      path.push(current)
    }
    // Backup.
    if (!known) {
      current.value = (await reward.evaluate(await chain.decode([current.state as S])))[0]
      rewards.push(current.value)
    }
    for (const parent of path.slice(0, -1).reverse()) {
      const values = parent.children.map((child) => child.value)
      const mean = values.reduce((sum, v) => sum + Math.exp(lambda * v), 0) / values.length
      parent.value = backup === 'max' ? Math.max(...values) : Math.log(mean) / lambda
      parent.visits++
    }
  }
  return root
}
