import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { TreeNodes } from '../../src/search/tree-nodes.ts'

it('nodes keep what plain lists of them keep, however their children come', () => {
  const birth = fc.record({ below: fc.nat(), final: fc.boolean(), change: fc.nat(), value: fc.double() })
  fc.assert(
    fc.property(fc.array(birth, { maxLength: 300 }), (births) => {
      const nodes = new TreeNodes()
      const plain = [{ parent: -1, depth: 0, final: false, value: 0, visits: 1, children: [] as number[] }]
      for (const { below, final, change, value } of births) {
        // Many below few, so that blocks are outgrown, and some chains.
        const parent = Math.floor((plain.length - 1) * (below % 3 === 0 ? 1 : 0.02 * (below % 7)))
        const node = nodes.add(parent, final)
        expect(node).toBe(plain.length)
        plain[parent].children.push(node)
        plain.push({ parent, depth: plain[parent].depth + 1, final, value: 0, visits: 1, children: [] })
        const changed = change % plain.length
        nodes.setValue(changed, (plain[changed].value = value))
        nodes.setVisits(changed, ++plain[changed].visits)
      }
      expect(nodes.size).toBe(plain.length)
      plain.forEach(({ children, ...own }, node) => {
        expect({
          parent: nodes.parent(node),
          depth: nodes.depth(node),
          final: nodes.isFinal(node),
          value: nodes.value(node),
          visits: nodes.visits(node),
        }).toEqual(own)
        expect(nodes.childCount(node)).toBe(children.length)
        const values = new Float64Array(children.length)
        nodes.childValues(node, values)
        children.forEach((child, i) => {
          expect([nodes.child(node, i), nodes.indexOf(child)]).toEqual([child, i])
          expect([nodes.childValue(node, i), nodes.childVisits(node, i), values[i]]).toEqual([
            plain[child].value,
            plain[child].visits,
            plain[child].value,
          ])
        })
      })
      expect(nodes.save()).toEqual({
        parent: Int32Array.from(plain, ({ parent }) => parent),
        value: Float64Array.from(plain, ({ value }) => value),
        visits: Int32Array.from(plain, ({ visits }) => visits),
      })
    }),
    { numRuns: 100, seed: 1 },
  )
})
