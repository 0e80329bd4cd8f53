import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readNpy, readSafetensors } from 'espalier/tensor'
import { describe, expect, it } from 'vitest'
import { scratch, session } from './cli.ts'

const folder = scratch()
const espalier = session(folder)

const answer = async (...args: string[]) => {
  const { code, stdout, stderr } = await espalier([...args, '--json'])
  expect(stderr).toBe('')
  expect(code).toBe(0)
  return JSON.parse(stdout)
}

const told = async (...args: string[]) => {
  const { code, stdout, stderr } = await espalier(args)
  expect(stdout).toBe('')
  expect(stderr.trim().split('\n')).toHaveLength(1)
  return { code, stderr }
}

const path = (...names: string[]) => join(folder.path, ...names)
const steer = (out: string, ...options: string[]) =>
  answer(
    ...['steer', '--model', 'world.json', '--reward', 'near:2,0', '--steps', '10', '--budget', '1500'],
    ...options,
    '--out',
    out,
  )
/** The only file of a run whose name begins and ends like this. */
const file = (out: string, begin: string, end = 'seed-0.tree.safetensors') => {
  const found = readdirSync(path(out, 'searches')).filter((name) => name.startsWith(begin) && name.endsWith(end))
  expect(found).toHaveLength(1)
  return `${out}/searches/${found[0]}`
}

describe('espalier tree', () => {
  it('inspects a run: nodes, depths, the best path, memory', async () => {
    await steer('plain', '--method', 'dts')
    const seen = await answer('tree', 'inspect', 'plain')
    const { tensors } = readSafetensors(readFileSync(path(file('plain', 'near'))))
    expect(seen.nodes).toBe(tensors.parent.data.length)
    expect(seen.depths).toHaveLength(6)
    expect(seen.depths.reduce((n: number, d: { nodes: number }) => n + d.nodes, 0)).toBe(seen.nodes)
    expect(seen.depths[5].leaves).toBe(seen.leaves)
    expect(seen.nfe).toBeLessThanOrEqual(1500)
    expect(seen.notes).toMatchObject({ model: 'world.json', reward: 'near:2,0', event: [2] })
    const value = tensors.value.data as Float64Array
    const best = seen.best.at(-1)
    expect(best.value).toBe(seen.depths[5].highest)
    expect(best.value).toBe(value[best.node])
    expect(seen.best.map(({ depth }: { depth: number }) => depth)).toEqual([0, 1, 2, 3, 4, 5])
    const { stdout, code } = await espalier(['tree', 'inspect', file('plain', 'near')])
    expect(code).toBe(0)
    expect(stdout).toMatch(/nodes, .* leaves, .* iterations, .* NFE/)
    expect(stdout).toContain('best path')
  })

  it('exports nodes as CSV and JSON, and states of a path and of the leaves', async () => {
    await steer('to-export', '--method', 'dts-star(states=float16)')
    const { nodes, leaves, best } = await answer('tree', 'inspect', 'to-export')
    const run = async (...options: string[]) =>
      expect((await espalier(['tree', 'export', 'to-export', ...options])).stderr).toBe('')
    await run('--nodes', 'nodes.csv', '--states', 'path.npy')
    await run('--nodes', 'nodes.json', '--states', 'leaves.npy', '--of', 'leaves')
    await run('--states', 'three.npy', '--of', '3')
    const lines = readFileSync(path('nodes.csv'), 'utf8').trim().split('\n')
    expect(lines[0]).toBe('node,parent,depth,index,value,visits,children,leaf')
    expect(lines).toHaveLength(nodes + 1)
    const json = JSON.parse(readFileSync(path('nodes.json'), 'utf8'))
    expect(json.nodes).toHaveLength(nodes)
    expect(json.settings.states).toBe('float16')
    json.nodes.forEach(
      (node: Record<string, number>, i: number) => void expect(lines[i + 1]).toBe(Object.values(node).join(',')),
    )
    expect(readNpy(readFileSync(path('leaves.npy'))).shape).toEqual([leaves, 2])
    expect(readNpy(readFileSync(path('path.npy'))).shape).toEqual([5, 2])
    expect(readNpy(readFileSync(path('three.npy'))).shape).toEqual([1, 2])
    // The end of the best path is the leaf of the largest reward.
    const end = readNpy(readFileSync(path('path.npy'))).data.slice(8)
    expect(-((end[0] - 2) ** 2 + end[1] ** 2) / 2).toBeCloseTo(best.at(-1).value, 10)
  })

  it('draws samples without a network, as often as their weights say, the same for the same seed', async () => {
    await steer('to-draw', '--method', 'dts(readOut=weighted)')
    // The model is away: nothing of it is needed.
    const again = await answer('tree', 'sample', 'to-draw', '-n', '4000', '--seed', '5', '--out', 'drawn.npy')
    expect(again).toMatchObject({ readOut: 'weighted', seed: 5, nfe: 0 })
    const { shape, data } = readNpy(readFileSync(path('drawn.npy')))
    expect(shape).toEqual([4000, 2])
    const { tensors } = readSafetensors(readFileSync(path(file('to-draw', 'near', 'seed-0.safetensors'))))
    const [rewards, weights] = [tensors.rewards.data as Float64Array, tensors.weights.data as Float64Array]
    const counts = new Map<number, number>()
    again.samples.forEach(({ reward, weight }: { reward: number; weight: number }, i: number) => {
      const place = rewards.indexOf(reward)
      expect(weight).toBeCloseTo(weights[place], 12)
      expect(data[2 * i]).toBe((tensors.samples.data as Float32Array)[2 * place])
      counts.set(place, (counts.get(place) ?? 0) + 1)
    })
    weights.forEach((weight, i) => {
      expect(Math.abs((counts.get(i) ?? 0) / 4000 - weight)).toBeLessThan(5 * Math.sqrt(weight / 4000) + 1e-3)
    })
    const once = await answer('tree', 'sample', 'to-draw', '--seed', '5', '--weighted')
    expect(once.samples).toEqual(again.samples.slice(0, 16))
    const other = await answer('tree', 'sample', 'to-draw', '--seed', '6', '-n', '50', '--read-out', 'values')
    expect(other.readOut).toBe('values')
    const one = await answer('tree', 'sample', 'to-draw', '--read-out', 'argmax', '--out', 'one.png')
    expect(one.samples).toHaveLength(1)
    expect(readFileSync(path('one.png')).subarray(1, 4).toString()).toBe('PNG')
  })

  it('draws pictures of a model whose states carry their class', async () => {
    const options = ['--model', 'images', '--steps', '5', '--budget', '100', '--method', 'dts-star', '--reward', 'jpeg']
    await answer('steer', ...options, '--out', 'pictures')
    const drawn = await answer('tree', 'sample', 'pictures', '-n', '6', '--out', 'six.npy')
    expect(drawn.samples).toHaveLength(6)
    expect(readNpy(readFileSync(path('six.npy'))).shape).toEqual([6, 1, 8, 8])
    await answer('tree', 'sample', 'pictures', '-n', '6', '--out', 'six.png')
    expect(existsSync(path('six.png'))).toBe(true)
  })

  it('says in one line what is wrong', async () => {
    await steer('wrong', '--method', 'dts,dts-star')
    const tree = file('wrong', 'near-2-0-dts-seed')
    mkdirSync(path('empty'), { recursive: true })
    writeFileSync(path('broken.tree.safetensors'), readFileSync(path(tree)).subarray(0, 3000))
    const cases: [string[], string][] = [
      [['inspect', 'nowhere'], 'nowhere: no such file or folder'],
      [['inspect', 'empty'], 'empty holds no tree; espalier steer leaves one'],
      [['inspect', 'broken.tree.safetensors'], 'not a readable safetensors file'],
      [['inspect', file('wrong', 'near-2-0-dts-seed', 'seed-0.safetensors')], 'this safetensors file holds no tree'],
      [['inspect', 'world.json'], 'not a readable safetensors file'],
      [['sample', 'wrong'], 'holds 2 trees; name one of them'],
      [['sample', tree, '--weighted'], "has no exact weights; grow one with readOut 'weighted'"],
      [['sample', tree, '--read-out', 'argmax', '-n', '3'], 'leave -n 3 out'],
      [['sample', tree, '--out', 'x.gif'], 'A file that ends in .npy, .png, .json or .txt is needed'],
      [['sample', tree, '--out', 'no/where/x.npy'], 'no such file or folder'],
      [['export', tree], 'nothing to export'],
      [['export', tree, '--states', 'x.npy', '--of', '99999'], 'the tree has the nodes 1 to'],
      [['export', tree, '--states', 'x.npy', '--of', 'worst'], 'A whole number from 0 on is needed'],
    ]
    for (const [args, says] of cases) {
      const { code, stderr } = await told('tree', ...args)
      expect(stderr).toContain(says)
      expect(code).toBe(2)
    }
    expect(readdirSync(path('empty'))).toEqual([])
  })
})
