import {
  drawLeaves,
  dts,
  leafLogWeights,
  loadTree,
  logZOf,
  readTree,
  type TreeNotes,
  type TreeSearchOptions,
  writeTree,
} from 'espalier/search'
import { readSafetensors, type StoredTensor, type Tensor, writeSafetensors } from 'espalier/tensor'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { gmmWorld } from '../../../../reproduce/dts/worlds.ts'

const { chain, reward } = gmmWorld()
const grow = (rules: Partial<TreeSearchOptions<Float32Array, Tensor>> = {}) =>
  dts({ chain, reward, seed: 3, budget: 3000, alpha: 0.4, readOut: 'weighted', ...rules })
const notes: TreeNotes = { model: 'ring', reward: 'modes', event: [2], range: [-9, 9], seconds: 1.5 }

describe('a tree as a file', () => {
  it('comes back with its notes, and reads out without a chain as the search did with one', async () => {
    for (const states of ['float32', 'float16'] as const) {
      const found = await grow({ states })
      const { saved, notes: read } = readTree(writeTree(found.save(), notes))
      expect(read).toEqual(notes)
      expect(writeTree(saved, notes)).toEqual(writeTree(found.save(), notes))
      const tree = loadTree(saved)
      const whole = { tree, settings: saved.settings, gains: saved.gains, iterations: saved.iterations }
      expect(logZOf(whole)).toBe(found.logZ)
      expect(drawLeaves(tree, 50, 9, leafLogWeights(whole))).toEqual(found.draw(50, 9))
      found.candidates.forEach(({ sample, reward }, i) => {
        expect(tree.state(tree.leaves[i])).toEqual(sample.data)
        expect(tree.value(tree.leaves[i])).toBe(reward)
      })
    }
  })

  it('is readable by other safetensors readers: plain arrays, half floats as F16', async () => {
    const { tensors, metadata } = readSafetensors(writeTree((await grow({ states: 'float16' })).save()))
    expect(metadata.format).toBe('espalier-tree-2')
    expect(tensors.states.data).toBeInstanceOf(Uint16Array)
    expect(tensors.parent.data).toBeInstanceOf(Int32Array)
    expect(tensors.spans.shape).toEqual([tensors.parent.data.length, 2])
  })

  it('without exact weights says so', async () => {
    const { saved } = readTree(writeTree((await grow({ readOut: 'values' })).save()))
    expect(() => leafLogWeights({ ...saved, tree: loadTree(saved) })).toThrow("grow one with readOut 'weighted'")
  })

  it('that is another file, another version or damaged is told in one line', async () => {
    const bytes = writeTree((await grow()).save(), notes)
    const { tensors, metadata } = readSafetensors(bytes)
    const changed = (
      change: Record<string, StoredTensor | undefined>,
      meta: Record<string, string | undefined> = {},
    ) => {
      const clean = <T>(all: Record<string, T | undefined>) =>
        Object.fromEntries(Object.entries(all).filter(([, part]) => part !== undefined)) as Record<string, T>
      return writeSafetensors(clean({ ...tensors, ...change }), clean({ ...metadata, ...meta }))
    }
    const { visits, value, spans } = tensors
    const search = JSON.parse(metadata.search)
    const cases: [Uint8Array, string][] = [
      [new Uint8Array(), 'not a readable safetensors file'],
      [bytes.slice(0, -1), 'not a readable safetensors file'],
      [bytes.slice(0, 500), 'not a readable safetensors file'],
      [writeSafetensors({ x: { shape: [1], data: Float32Array.of(1) } }), 'holds no tree (its format is not given'],
      [
        changed({}, { format: 'espalier-tree-1' }),
        'has the format espalier-tree-1, and this version reads espalier-tree-2',
      ],
      [changed({}, { search: '{' }), '"search" is no JSON'],
      [changed({}, { search: undefined }), '"search" is missing'],
      [changed({}, { search: JSON.stringify({ ...search, iterations: -1 }) }), 'iterations'],
      [
        changed({}, { search: JSON.stringify({ ...search, settings: { ...search.settings, states: 'int8' } }) }),
        'states',
      ],
      [changed({}, { notes: '{"event":[0]}' }), 'event'],
      [changed({ value: undefined }), '"value" is missing'],
      [
        changed({ visits: { shape: visits.shape, data: Float32Array.from(visits.data as Int32Array) } }),
        '"visits" is of another type',
      ],
      [changed({ value: { shape: [2], data: Float64Array.of(0, 0) } }), '2 values'],
      [changed({ value: { ...value, data: (value.data as Float64Array).map(() => Number.NaN) } }), 'has the value NaN'],
      [changed({ visits: { ...visits, data: (visits.data as Int32Array).map(() => 0) } }), 'has 0 visits'],
      [
        changed({ spans: { ...spans, data: (spans.data as Float64Array).map((x) => x + 0.5) } }),
        'the state of node 0 is at 0.5',
      ],
      [changed({ spans: { ...spans, data: (spans.data as Float64Array).map(() => 0) } }), 'has no state'],
      [changed({ gains: { shape: [1], data: Float64Array.of(0) } }), '1 gains'],
    ]
    for (const [file, says] of cases) {
      let message = ''
      try {
        loadTree(readTree(file).saved)
      } catch (error) {
        message = (error as Error).message
      }
      expect(message).toContain(says)
      expect(message).not.toContain('\n')
    }
  })

  it('with any bytes wrong is read whole, or refused in one line', async () => {
    const bytes = writeTree((await grow({ budget: 500 })).save(), notes)
    const damage = fc.oneof(
      fc.record({ at: fc.nat(bytes.length - 1), byte: fc.nat(255) }),
      // Most of what can go wrong is in the header and the small arrays in front.
      fc.record({ at: fc.nat(Math.min(3000, bytes.length - 1)), byte: fc.nat(255) }),
    )
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 4 }), fc.option(fc.nat(bytes.length)), (places, cut) => {
        const broken = bytes.slice(0, cut ?? bytes.length)
        for (const { at, byte } of places) if (at < broken.length) broken[at] = byte
        try {
          const tree = loadTree(readTree(broken).saved)
          for (const leaf of tree.leaves) expect(tree.path(leaf)[0]).toBe(0)
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
          expect(error).not.toBeInstanceOf(TypeError)
          expect(error).not.toBeInstanceOf(RangeError)
          expect((error as Error).message).not.toContain('\n')
          expect((error as Error).message.length).toBeLessThan(400)
        }
      }),
      { numRuns: 1500, seed: 1 },
    )
  })
})
