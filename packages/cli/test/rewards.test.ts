import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodeRuntime } from 'espalier/node'
import { isDifferentiable } from 'espalier/reward'
import { tensor, writeNpy } from 'espalier/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { UserError } from '../src/errors.ts'
import type { DiffusionModel } from '../src/model.ts'
import { aboutReward, openReward } from '../src/rewards.ts'
import { slug } from '../src/trial-files.ts'

const runtime = nodeRuntime({ workers: 0 })
const modelOf = (event: number[], range?: readonly [number, number]) =>
  ({ name: 'mine', event, range, card: { type: 'gaussian-mixture' } }) as unknown as DiffusionModel
/** Pictures of 2 by 4, black and white at -1 and 1. */
const pictures = { runtime, model: modelOf([1, 2, 4], [-1, 1]) }
const points = { runtime, model: modelOf([2]) }
const digits = { runtime, model: { ...modelOf([1, 28, 28], [-1, 1]), name: 'mnist' } }
const left = tensor([1, 2, 4], Float32Array.of(1, 1, -1, -1, 1, -1, -1, -1))
const point = (x: number, y: number) => tensor([2], Float32Array.of(x, y))

let folder: string
let server: Server
let url: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'espalier-rewards-'))
  const file = (name: string, content: string | Uint8Array) => writeFileSync(join(folder, name), content)
  file('first.mjs', 'export const reward = (samples) => samples.map(({ data }) => data[0])')
  file('hangs.mjs', 'export const timeout = 30, name = "sleeper"\nexport const reward = () => new Promise(() => {})')
  file('odd.mjs', 'export const timeout = "1 s"\nexport const reward = () => []')
  file('zero.mjs', 'export const timeout = 0\nexport const reward = () => []')
  file('nameless.mjs', 'export const name = 7\nexport const reward = () => []')
  file('point.npy', writeNpy(point(0, 1)))
  file('digit.npy', writeNpy(tensor([1, 1, 28, 28], stripes(3))))
  server = createServer((request, response) => {
    request.resume().on('end', () => response.end('{"rewards": [4]}'))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/judge`
})
afterAll(async () => {
  server.close()
  rmSync(folder, { recursive: true, force: true })
  await runtime.close()
})

function stripes(width: number): Float32Array {
  return Float32Array.from({ length: 784 }, (_, i) => ((i % 28) % (2 * width) < width ? 1 : -1))
}

describe('a reward as it is written', () => {
  it.each([
    ['brightness', 3 / 8],
    ['-brightness', -3 / 8],
    ['ink', 3 / 8],
    ['ink(target=0.5)', -1 / 8],
    ['ink(right=0.5, dark=true)', 1 / 4],
    ['ink(right=0.5,bottom=0.5)', 1],
    ['symmetry', -6 / 8],
    ['smoothness', -3 / 10],
    ['2*brightness', 3 / 4],
    ['-.5 * brightness', -3 / 16],
    ['1e1*-brightness', -30 / 8],
    ['--brightness', 3 / 8],
    ['sum(brightness, -2*symmetry,symmetry)', 3 / 8 + 12 / 8 - 6 / 8],
    ['sum(ink)', 3 / 8],
    ['min(brightness,symmetry)', -6 / 8],
    ['min(ink(target=0.5), sum(ink,ink))', -1 / 8],
    ['clip(symmetry,-0.5,0)', -1 / 2],
    ['threshold(brightness,0.3)', 1],
    ['threshold(brightness,0.4)', 0],
    ['threshold(brightness,0.375,0.1)', Math.log(0.5)],
    ['constraint(ink>=0.3,symmetry)', -6 / 8],
    ['constraint(ink >= 0.4, symmetry)', -Infinity],
    ['constraint(ink>=0.3,ink<=0.4,-symmetry)', 6 / 8],
    ['constraint(symmetry<=-0.7,sum(ink,1*ink)>=1,ink)', -Infinity],
  ])('%s', async (text, value) => {
    const [given] = Array.from(await (await openReward(text, pictures)).evaluate([left]))
    if (Number.isFinite(value)) expect(given).toBeCloseTo(value, 6)
    else expect(given).toBe(value)
  })

  it('names points with or without parentheses, modules and servers, alone and in combinations', async () => {
    const at = async (text: string) => Array.from(await (await openReward(text, points)).evaluate([point(3, 4)]))
    expect(await at('near:0,0')).toEqual([-12.5])
    expect(await at('-near:0,0')).toEqual([12.5])
    expect(await at('min(near(3,4),near(0,4),near(3,0))')).toEqual([-8])
    expect(await at(join(folder, 'first.mjs'))).toEqual([3])
    expect(await at(`-${join(folder, 'first.mjs')}`)).toEqual([-3])
    expect(await at(`sum(2*${join(folder, 'first.mjs')},near(3,0))`)).toEqual([-2])
    expect(await at(url)).toEqual([4])
    expect(await at(`clip(0.5*${url},-1,1)`)).toEqual([1])
    expect(isDifferentiable(await openReward('sum(near:3,0.5*near(1,2))'.replace(':3,', '(3,1),'), points))).toBe(true)
  })

  it('asks a classifier of the zoo for classes and for likeness', async () => {
    const image = (width: number) => tensor([1, 28, 28], stripes(width))
    const at = async (text: string) =>
      (await (await openReward(text, digits)).evaluate([image(3), image(9)])) as Float64Array
    const likeness = await at(`like:${join(folder, 'digit.npy')}`)
    expect(likeness[0]).toBeCloseTo(1, 6)
    expect(likeness[1]).toBeLessThan(0.99)
    const [three, eight, least, total] = await Promise.all(
      ['class:3', 'class(8)', 'min(class:3,class:8)', 'sum(prob:3,prob:8)'].map(at),
    )
    expect(least[0]).toBe(Math.min(three[0], eight[0]))
    expect(total[1]).toBeCloseTo(Math.exp(three[1]) + Math.exp(eight[1]), 6)
  })

  it.each([
    ['', 'a reward is missing'],
    ['beauty', /there is no reward "beauty"; there are class:<label>, .*ink\(\.\.\.\), .*sum\(r,r,\.\.\.\)/],
    ['sum(brightness,beauty)', /there is no reward "beauty"/],
    ['max(brightness)', /there is no reward "max"; there are/],
    ['sum(brightness', 'the parentheses of "sum(brightness" do not match'],
    ['sum(min(ink,symmetry)', 'do not match'],
    ['brightness)', 'do not match'],
    ['sum(ink)(ink)', 'do not match'],
    ['sum(ink)ink', /there is no reward "sum\(ink\)ink"/],
    ['js: x[0]', 'js: is for the Studio; write a module ./my-reward.mjs that exports reward(samples)'],
    ['sum()', 'sum() is not understood; it is written sum(r,r,...)'],
    ['sum(ink,)', 'a reward is missing'],
    ['-', 'a reward is missing'],
    ['2*', 'a reward is missing'],
    ['clip(ink,0)', 'clip(ink,0) is not understood; it is written clip(r,low,high)'],
    ['clip(ink,zero,1)', 'clip(ink,zero,1) needs a number where "zero" stands'],
    ['clip(ink,1,0)', 'clip needs low <= high, got 1 and 0'],
    ['threshold(ink)', 'it is written threshold(r,x) or threshold(r,x,s)'],
    ['threshold(ink,0.5,0)', 'threshold needs a softness above 0, got 0'],
    ['constraint(ink,symmetry)', 'it is written constraint(r>=x,r)'],
    ['constraint(ink>=0.1)', 'it is written constraint(r>=x,r)'],
    ['constraint(ink>=much,ink)', 'needs a number where "much" stands'],
    ['constraint(>=0.1,ink)', 'a reward is missing'],
    ['ink(target=2)', /ink\.target: Too big/],
    ['ink(colour=red)', /ink: Unrecognized key: "colour"/],
    ['ink(left=0.6,right=0.5)', 'left and right of a region are 0.6 and 0.5'],
    ['ink(0.5)', 'name(option=value, ...)'],
    ['brightness(2)', 'name(option=value, ...)'],
    ['jpeg:95', 'jpeg takes nothing behind it, got "95"'],
    ['near:1,2', 'near needs 8 numbers with commas between them, got "1,2"'],
    ['like:nope.npy', 'like:nope.npy: no such file'],
    ['class:7', 'no classifier of [1,2,4] is in the zoo; name one with --classifier'],
    ['./nope.mjs', './nope.mjs: no such file; check the path'],
    ['http://', 'a reward\'s address is written http://... or https://..., got "http://"'],
    ['https://me:you@judge.example/', 'give them as a header'],
  ])('says in one line what is wrong with %j', async (text, says) => {
    const error = await openReward(text, pictures).then(String, (e: unknown) => e)
    expect(error).toBeInstanceOf(UserError)
    const { message } = error as UserError
    expect(message.startsWith(`--reward ${text}: `)).toBe(true)
    expect(message).not.toContain('\n')
    if (typeof says === 'string') expect(message).toContain(says)
    else expect(message).toMatch(says)
  })

  it('says what does not fit the model, or is no module', async () => {
    const failure = (text: string, context = points) => openReward(text, context).then(String, (e: Error) => e.message)
    for (const name of ['brightness', 'ink', 'symmetry', 'smoothness', 'jpeg']) {
      expect(await failure(`sum(${name})`)).toBe(
        `--reward sum(${name}): ${name} needs images; the model mine makes [2]`,
      )
    }
    expect(await failure(`like:${join(folder, 'point.npy')}`, digits)).toContain(
      'holds [2]; the model mnist makes [1,28,28]',
    )
    expect(await failure('class:ten', digits)).toContain(
      'the classifier mnist-classifier knows no class "ten"; it knows 0, 1',
    )
    expect(await failure(join(folder, 'odd.mjs'))).toContain('its timeout is 1 s; milliseconds are needed')
    expect(await failure(join(folder, 'zero.mjs'))).toContain('the timeout is 0, expected milliseconds above 0')
    expect(await failure(join(folder, 'nameless.mjs'))).toContain('its name is 7; a text is needed')
  })

  it('stops a module at its own timeout, by its own name', async () => {
    const reward = await openReward(join(folder, 'hangs.mjs'), points)
    await expect(reward.evaluate([point(0, 0)])).rejects.toThrow(
      'Reward "sleeper" failed on sample 0: no answer within 30 ms',
    )
  })
})

it('what a reward means is said of names alone', () => {
  expect(aboutReward('class:7')).toBe('log-probability that a classifier gives to a class')
  expect(aboutReward('-jpeg')).toBe('minus the bytes of the image as JPEG')
  expect(aboutReward('near(1,2)')).toBe('minus half the squared distance to a point')
  for (const text of ['0.5*jpeg', 'sum(jpeg,ink)', 'min(ink)', './my.mjs', 'https://judge.example']) {
    expect(aboutReward(text)).toBeUndefined()
  }
})

it('rewards that differ have files that differ', () => {
  const texts = [
    'sum(class:7,jpeg)',
    'sum(class:7,-jpeg)',
    '0.1*jpeg',
    '1*jpeg',
    `min(${'ink,'.repeat(80)}ink)`,
    'jpeg',
    '-jpeg',
    'near:1,2',
    'near:1,-2',
    '-near:1,2',
    './my-reward.mjs',
    './my_reward.mjs',
    './my/reward.mjs',
  ]
  const names = texts.map(slug)
  expect(new Set(names).size).toBe(texts.length)
  for (const name of names) expect(name).toMatch(/^[A-Za-z0-9-]{1,60}$/)
  expect(slug('near:-2,0')).toBe('near-minus-2-0')
})
