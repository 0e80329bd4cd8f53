import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GraphBuilder, tensor, writeModel } from '@espalier/graph'
import { nodeRuntime } from 'espalier/node'
import { createTokenizer } from 'espalier/text'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { UserError } from '../src/errors.ts'
import type { DiffusionModel } from '../src/model.ts'
import { aboutReward, openReward, rewardHelp } from '../src/rewards.ts'
import { textRewardFrom } from '../src/text-rewards.ts'

/** A tokenizer of characters; `Ġ` and `Ċ` are how byte-level tokenizers write a space and a line break. */
const characters = [..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,;'", 'Ġ', 'Ċ']
const tokenizerOf = (signs: readonly string[]) => ({
  version: '1.0',
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: null,
  decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: { type: 'BPE', vocab: Object.fromEntries(signs.map((sign, id) => [sign, id])), merges: [] },
})
const tokenizer = createTokenizer(tokenizerOf(characters))
const runtime = nodeRuntime({ workers: 0 })
const context = { runtime, tokenizer, model: 'mine' }
const pictures = {
  runtime,
  model: { name: 'pictures', event: [1, 2, 2], range: [-1, 1], card: { type: 'gaussian-mixture' } },
} as unknown as { runtime: typeof runtime; model: DiffusionModel }

let folder: string
let server: Server
let url: string
const bodies: unknown[] = []
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'espalier-text-rewards-'))
  const file = (name: string, content: string | Uint8Array) => writeFileSync(join(folder, name), content)
  file('long.mjs', 'export const reward = (texts, tokens) => texts.map((text, i) => text.length + tokens[i][0] / 10)')
  file('list.txt', 'begat\nthou\n')
  file('empty.txt', '1\n2\n')
  file('verse.txt', 'verse = name " begat " name "."\nname = [A-Z] [a-z]+\n')
  file('bad.txt', 'verse = name')
  classifier('vowels', { tokens: characters })
  classifier('other', { tokens: [...characters].reverse() })
  server = createServer((request, response) => {
    let body = ''
    request.on('data', (part) => {
      body += part
    })
    request.on('end', () => {
      bodies.push(JSON.parse(body))
      response.end(JSON.stringify({ rewards: (JSON.parse(body) as { texts: string[] }).texts.map((t) => t.length) }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/judge`
})
afterAll(async () => {
  server.close()
  rmSync(folder, { recursive: true, force: true })
  await runtime.close()
})

/** A folder with a classifier whose logits are the numbers of letters that are vowels, and of those that are not. */
function classifier(name: string, { tokens }: { readonly tokens: readonly string[] }) {
  const graph = new GraphBuilder()
  const rows = tokens.flatMap((sign) => (/[aeiou]/i.test(sign) ? [1, 0] : [0, 1]))
  const table = graph.parameter('table', tensor(rows, [tokens.length, 2]))
  const input = graph.input('tokens', ['n', 'l'], 'int64')
  graph.output('logits', graph.op('Gather', [table, input], { axis: 0 }).sum([1]))
  const place = join(folder, name)
  mkdirSync(place)
  const [vocabulary, classes] = [tokens.length, ['vowels', 'others']]
  const card = { type: 'token-classifier', name, vocabulary, context: 100, classes, tokenizer: { file: 'own.json' } }
  writeFileSync(join(place, 'card.json'), JSON.stringify(card))
  writeFileSync(join(place, 'own.json'), JSON.stringify(tokenizerOf(tokens)))
  writeFileSync(join(place, 'model.onnx'), writeModel(graph.build()))
}

const at = async (text: string, ...texts: string[]) => {
  const reward = await textRewardFrom(text, context)
  return Array.from(await reward.evaluate(texts.map((one) => ({ tokens: tokenizer.encode(one) }))))
}
const inFolder = (text: string) => text.replaceAll('~', folder)
const verse = 'Thou shalt love,\nand rise above.'

describe('a reward of text as it is written', () => {
  it.each([
    ['matches:/lo(ve|rd)/i', 1],
    ['matches:/Lord/', 0],
    ['count:/[ao]/', 6],
    ['-count:/[ao]/', -6],
    ['edits:/lo(ve|rd)/i', 0],
    ['constraint(edits:/\\(,/>=-2,-edits:/begat/)', 3],
    ['share:/LOVE/i', 4 / 32],
    ['sum(count:/,|\\./, 2*matches:/(?<=a)bove/)', 4],
    ['sum(matches:/[/,)]/,matches:/\\//)', 1],
    ['constraint(matches:/^(?=.*love)/s>=1,count:/o/)', 3],
    ['constraint(matches:/(?<=x)/>=1,count:/o/)', -Infinity],
    ['threshold(count:/o/,3)', 1],
    ['threshold(count:/o/,4)', 0],
    ['length:32', 0],
    ['length:30', -2],
    ['length:8-10 words', -2],
    ['length(3 lines)', -1],
    ['min(length:30,length:1-2 lines)', -2],
    ['rhyme', 1],
    ['rhyme:ABAB', 0],
    ['rhyme:AA lines', 1],
    ['rhyme:clauses', 1],
    ['sentiment', (3 + 1) / 6],
    ['words', 1],
    ['words:~/list.txt', 1 / 6],
    ['distinct', 1],
    ['distinct:1', 1],
    ['alliteration', 0],
    ['grammar:~/verse.txt', 5 / 33],
    ['0.5*length(30)', -1],
    ['class:vowels@~/vowels', -Math.log1p(Math.exp(21 - 11))],
    ['odds:others@~/vowels', 21 - 11],
    ['sum(prob:vowels@~/vowels,prob:others@~/vowels)', 1],
    ['~/long.mjs', 32 + 45 / 10],
    ['-~/long.mjs', -32 - 45 / 10],
  ])('%s', async (text, value) => {
    const [given] = await at(inFolder(text), verse)
    if (Number.isFinite(value)) expect(given).toBeCloseTo(value, 5)
    else expect(given).toBe(value)
  })

  it('takes the classifier of --classifier', async () => {
    const reward = await textRewardFrom('odds:vowels', { ...context, classifier: join(folder, 'vowels') })
    const values = await reward.evaluate(['aab', 'bb'].map((one) => ({ tokens: tokenizer.encode(one) })).slice(0, 1))
    expect(values[0]).toBeCloseTo(1, 6)
  })

  it('asks a server with the texts', async () => {
    bodies.length = 0
    expect(await at(`sum(0.5*${url},length:3)`, 'abc', 'a\nb.')).toEqual([1.5, 1])
    expect(bodies).toEqual([{ texts: ['abc', 'a\nb.'] }])
  })

  it('follows a grammar to its end', async () => {
    expect(await at(inFolder('grammar:~/verse.txt'), 'Irad begat Lamech.', 'Irad begat lamech.', 'Irad')).toEqual([
      1,
      11 / 19,
      4 / 5,
    ])
  })

  it.each([
    ['', 'a reward is missing'],
    ['beauty', /there is no reward "beauty"; there are class:<label>, .*matches:\/regex\/, .*sum\(r,r,\.\.\.\)/],
    ['ink', /^ink is a reward of images, and the model makes text; there are class:<label>, /],
    ['sum(rhyme,like:a.npy)', /^like is a reward of images, and the model makes text; there are/],
    ['matches', 'matches needs a regular expression between slashes, such as matches:/lo(ve|rd)/i; got ""'],
    ['matches:love', 'got "love"'],
    ['matches:/love', 'got "/love"'],
    ['matches:/lo(ve/', 'matches needs a regular expression between slashes, such as matches:/lo(ve|rd)/i: '],
    ['count:/love/qq', 'count needs a regular expression between slashes'],
    ['edits:/a(?=b)/', '/a(?=b)/: "(?=b" is not understood here'],
    ['sum(matches:/a(/,', 'the parentheses of "sum(matches:/a(/," do not match'],
    ['length', 'length is written as length:40 or length:10-20 words (characters, words, lines), got ""'],
    ['length:40 tokens', 'got "40 tokens"'],
    ['length:20-10', 'a length of 20 to 10, expected 0 <= least <= most'],
    ['rhyme:abab', 'rhyme is written as rhyme, rhyme:ABAB or rhyme:AA clauses, got "abab"'],
    ['rhyme:ABC', 'a rhyme scheme is written in letters such as AABB'],
    ['sentiment:afinn', 'sentiment takes nothing behind it, got "afinn"'],
    ['words:./nope.txt', 'words:./nope.txt: no such file'],
    ['words:~/empty.txt', 'holds no words; one a line is expected'],
    ['distinct:two', 'runs of NaN words, expected a whole number from 1 on'],
    ['grammar', 'grammar needs a file, as grammar:<file>'],
    ['grammar:~/bad.txt', 'the grammar has no rule "name"'],
    ['class:', 'class needs a class, as class:<label>, got ""'],
    ['class:x@', 'class needs a class, as class:<label>, got "x@"'],
    ['class:vowel@~/vowels', 'vowels knows no class "vowel"; it knows vowels, others'],
    ['class:vowels', 'no classifier of the tokens of mine is in the zoo; name one with --classifier'],
    ['./nope.mjs', './nope.mjs: no such file; check the path'],
    ['http://', 'a reward\'s address is written http://... or https://..., got "http://"'],
  ])('says in one line what is wrong with %j', async (given, says) => {
    const text = inFolder(given)
    const error = await textRewardFrom(text, context).then(String, (e: unknown) => e)
    expect(error).toBeInstanceOf(UserError)
    const { message } = error as UserError
    expect(message).not.toContain('\n')
    expect(message.startsWith(`--reward ${text}: `)).toBe(true)
    const rest = message.slice(`--reward ${text}: `.length)
    if (typeof says === 'string') expect(rest).toContain(says)
    else expect(rest).toMatch(says)
  })

  it('refuses a classifier of other tokens, or what is none', async () => {
    const failure = (text: string) => textRewardFrom(text, context).then(String, (e: Error) => e.message)
    expect(await failure(inFolder('class:vowels@~/other'))).toBe(
      `--classifier ${join(folder, 'other')} has another tokenizer than mine; they must read the same tokens`,
    )
    expect(await failure('class:1@mnist-classifier')).toContain('--classifier mnist-classifier is no model of text')
  })

  it('of text is refused for a model of images', async () => {
    for (const text of ['rhyme', 'sum(brightness,length:40 words)', 'matches:/a,b/']) {
      const name = /rhyme|length|matches/.exec(text)?.[0]
      const error = await openReward(text, pictures).then(String, (e: Error) => e.message)
      expect(error).toContain(`--reward ${text}: ${name} is a reward of text, and the model makes images; there are`)
    }
  })
})

it('what a reward of text means is said by its name', () => {
  expect(aboutReward('-rhyme:ABAB')).toBe('minus the rhymes at the ends of lines, from 0 to 1')
  expect(aboutReward('matches:/(/')).toBe('whether a regular expression is found, 1 or 0')
  expect(rewardHelp()).toContain('  matches:/regex/     whether a regular expression is found, 1 or 0\n')
})
