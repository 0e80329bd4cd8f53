/** The command on models of text: sampled, steered, compared, and what is wrong told in one line. */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nodeRuntime } from 'espalier/node'
import { readNpy, readSafetensors } from 'espalier/tensor'
import { createTokenizer, judged, networkAutoregressive, parseTokenCard } from 'espalier/text'
import { beforeAll, describe, expect, it } from 'vitest'
import { examine } from '../src/commands/doctor.ts'
import { textStream, unknown, wrapped } from '../src/text-stream.ts'
import { run, scratch, session, start } from './cli.ts'
import { alphabet, characterTokenizer, context, writeTextModel } from './text.ts'

const folder = scratch()
const espalier = session(folder)
const path = (...names: string[]) => join(folder.path, ...names)
const json = (...names: string[]) => JSON.parse(readFileSync(path(...names), 'utf8'))
const tokenizer = createTokenizer(characterTokenizer())

beforeAll(() => {
  writeTextModel(path('text'))
  writeTextModel(path('noise'), { type: 'uniform' })
  writeTextModel(path('judge'), { type: 'autoregressive', seed: 2 })
  writeTextModel(path('classes'), { type: 'token-classifier', seed: 3 })
  writeTextModel(path('mute'), { tokenizer: null })
  writeTextModel(path('garbled'), { tokenizer: '{ "model": ' })
  writeTextModel(path('strange'), { tokenizer: { model: { type: 'Runes', vocab: { a: 0 } } } })
  writeTextModel(path('short'), { tokenizer: characterTokenizer(alphabet.slice(1)) })
  writeTextModel(path('wrong'), { card: { output: 'guess' } })
  writeTextModel(path('foreign'), {
    type: 'autoregressive',
    tokenizer: characterTokenizer([...alphabet].reverse().join('')),
  })
  writeFileSync(path('few.json'), JSON.stringify({ times: [1, 0.5, 0], factors: [1, 0.8] }))
  writeFileSync(path('odd.json'), JSON.stringify({ times: [1, 0.5], factors: [1, 0.8] }))
})

interface Drawn {
  readonly text: string
  readonly tokens: readonly number[]
}

/** Runs a command that must succeed; returns its JSON. */
async function answer(...args: string[]) {
  const { code, stdout, stderr } = await espalier([...args, '--json'])
  expect(stderr).toBe('')
  expect(code).toBe(0)
  return JSON.parse(stdout)
}

const textsOf = ({ texts }: { readonly texts: readonly Drawn[] }) => texts.map(({ text }) => text)

describe('espalier sample of a model of text', () => {
  it('goes on from a prompt, counts its calls, and leaves everything that repeats the run', async () => {
    const args = ['sample', '--model', 'text', '--prompt', 'in the', '--seed', '1']
    const result = await answer(...args, '--samples', '4', '--out', 'prefix')
    // Ten unknown tokens, one a call; all texts begin as one state, which is asked once.
    expect(result).toMatchObject({ status: 'done', samples: 4, tokens: 40, nfe: 1 + 4 * 9, sampler: 'first-hitting' })
    for (const { text, tokens } of result.texts) {
      expect(text).toMatch(/^in the/)
      expect(text).toHaveLength(context)
      expect(tokenizer.decode(tokens)).toBe(text)
    }
    expect(readdirSync(path('prefix')).sort()).toEqual([
      ...['events.jsonl', 'run.json', 'samples.json', 'samples.safetensors', 'samples.txt'],
    ])
    expect(json('prefix', 'samples.json')).toEqual(result.texts)
    expect(json('prefix', 'run.json')).toMatchObject({
      status: 'done',
      seeds: [1],
      configuration: { prompt: 'in the', sampler: 'first-hitting', count: 4 },
      line: "espalier sample --model text --prompt 'in the' --sampler first-hitting --count 4 --seed 1 --batch 64",
    })
    const again = await answer(...args, '--count', '7', '--batch', '3', '--out', 'parts')
    expect(textsOf(again).slice(0, 4)).toEqual(textsOf(result))
    expect(textsOf(await answer(...args, '--seed', '2', '--out', 'other'))).not.toEqual(textsOf(result))
  })

  it('fills holes, and a line for every step tells what it fixed', async () => {
    const { stdout, code } = await espalier([
      ...['sample', '--model', 'text', '--prompt', 'god[mask:3]x[mask]', '--count', '3', '--out', 'holes'],
      ...['--sampler', 'ancestral(steps=5)', '--json', '--stream'],
    ])
    expect(code).toBe(0)
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const result = lines.pop()
    expect(lines.map(({ step, steps }) => [step, steps])).toEqual([1, 2, 3, 4, 5].map((step) => [step, 5]))
    const seen = Array.from({ length: 3 }, () => [...'god...x.'].map((c) => (c === '.' ? -1 : alphabet.indexOf(c))))
    for (const { sample, position, token, text } of lines.flatMap(({ changed }) => changed)) {
      expect(seen[sample][position]).toBe(-1)
      expect(text).toBe(alphabet[token])
      seen[sample][position] = token
    }
    expect(seen).toEqual(result.texts.map(({ tokens }: Drawn) => tokens))
    expect(lines.at(-1).nfe).toBe(result.nfe)
    for (const text of textsOf(result)) expect(text).toMatch(/^god...x.$/s)
  })

  it.each(['out.json', 'out.txt', 'out.npy'])('writes %s', async (file) => {
    const args = ['--model', 'text', '--count', '3', '--length', '5', '--sampler', 'confidence(calls=2)']
    const { texts } = await answer('sample', ...args, '--out-samples', file, '--out', `to-${file}`)
    const bytes = readFileSync(path(file))
    if (file.endsWith('.json')) expect(JSON.parse(bytes.toString())).toEqual(texts)
    if (file.endsWith('.txt')) {
      const parts = texts.map(({ text }: Drawn) => text.replace(/\n$/, ''))
      expect(bytes.toString()).toBe(`${parts.join('\n%\n')}\n`)
    }
    if (file.endsWith('.npy')) {
      const { shape, data } = readNpy(new Uint8Array(bytes))
      expect([shape, Array.from(data)]).toEqual([[3, 5], texts.flatMap(({ tokens }: Drawn) => tokens)])
    }
  })

  it('says how likely another model finds the texts, beside their entropy', async () => {
    const result = await answer('sample', '--model', 'text', '--count', '5', '--judge', 'judge', '--out', 'judged')
    const runtime = nodeRuntime({ workers: 0 })
    try {
      const card = parseTokenCard(json('judge', 'card.json'))
      if (card.type !== 'autoregressive') throw new Error('another card')
      const session = await runtime.load(new Uint8Array(readFileSync(path('judge', 'model.onnx'))))
      const rows = result.texts.map(({ tokens }: Drawn) => Int32Array.from(tokens))
      const losses = await judged(networkAutoregressive(session, card), rows)
      const mean = losses.reduce((a, b) => a + b, 0) / 5
      expect(result.perplexity.mean).toBeCloseTo(Math.exp(mean), 3)
      expect(result.entropy.mean).toBeGreaterThan(0.5)
    } finally {
      await runtime.close()
    }
    const { stdout } = await espalier(['sample', '--model', 'text', '--judge', 'judge', '--seed', '3', '--out', 'told'])
    expect(stdout).toMatch(/^#1\n/)
    expect(stdout).toMatch(/4 texts by first-hitting: 64 tokens, 61 NFE in .*tokens\/s\nperplexity under judge: /)
    expect(stdout).toMatch(/unigram entropy: .* nats a text/)
  })

  it('takes samplers that need a model or a file, and models of another process', async () => {
    const base = ['sample', '--count', '2', '--length', '8']
    const energy = await answer(
      ...base,
      '--model',
      'text',
      '--sampler',
      'energy(k=3,steps=4,model=judge)',
      '--out',
      'e',
    )
    expect(energy.energyEvaluations % 3).toBe(0)
    expect(energy.energyEvaluations).toBeGreaterThan(0)
    const few = await answer(...base, '--model', 'text', '--sampler', 'profile:few.json', '--out', 'p')
    expect(few.nfe).toBeLessThanOrEqual(2 * 3)
    const uniform = await answer(...base, '--model', 'noise', '--out', 'u')
    expect(uniform).toMatchObject({ sampler: 'ancestral(steps=64)', nfe: 2 * 64 })
    const gumbels = [...base, '--model', 'text', '--sampler', 'ancestral(steps=9)', '--noise']
    const [exact, float32] = [
      await answer(...gumbels, 'exact', '--out', 'g1'),
      await answer(...gumbels, 'float32', '--out', 'g2'),
    ]
    expect(textsOf(float32)).not.toEqual(textsOf(exact))
  })

  it('is duller when it is cold, or keeps to the likeliest tokens', async () => {
    const base = ['sample', '--model', 'text', '--count', '12']
    const plain = await answer(...base, '--out', 'plain')
    const cold = await answer(...base, '--temperature', '0.2', '--out', 'cold')
    const top = await answer(...base, '--top-p', '0.2', '--out', 'top')
    expect(cold.entropy.mean).toBeLessThan(plain.entropy.mean - 0.2)
    expect(top.entropy.mean).toBeLessThan(plain.entropy.mean - 0.2)
  })
})

describe('texts in a terminal', () => {
  const terminal = (columns = 40, rows = 10) => {
    const written: string[] = []
    return { isTTY: true, columns, rows, written, write: (text: string) => written.push(text) }
  }

  it('are drawn again in place, unknown tokens dim, as often as an eye can follow', () => {
    const stream = terminal()
    let now = 0
    const live = textStream(stream, () => now)
    const picture = (text: string) => live.show(() => ({ head: 'step 1', texts: [text] }))
    picture(`ab${unknown}${unknown}`)
    picture('never shown')
    now = 100
    picture('abcd')
    live.clear()
    expect(stream.written).toEqual([
      `step 1\n#1\nab\x1b[2m${unknown}${unknown}\x1b[22m\n`,
      '\x1b[3A\r\x1b[J',
      'step 1\n#1\nabcd\n',
      '\x1b[3A\r\x1b[J',
    ])
  })

  it('fit the window, and are silent where nobody watches', () => {
    const stream = terminal(20, 5)
    textStream(stream, () => 0).show(() => ({ head: 'head', texts: ['one two three four five six', 'more'] }))
    expect(stream.written.join('').split('\n')).toEqual(['head', '#1', 'one two three four', '... 3 more lines', ''])
    const sizeless = terminal(0, 0)
    textStream(sizeless, () => 0).show(() => ({ head: 'head', texts: new Array(12).fill('a') }))
    expect(sizeless.written.join('').trim().split('\n')).toHaveLength(23)
    const pipe = { ...terminal(), isTTY: false }
    textStream(pipe).show(() => ({ head: 'head', texts: ['text'] }))
    expect(pipe.written).toEqual([])
  })

  it('break between words where they can', () => {
    expect(wrapped('in the beginning god\ncreated', 11)).toEqual(['in the', 'beginning', 'god', 'created'])
    expect(wrapped('abcdefghij', 4)).toEqual(['abcd', 'efgh', 'ij'])
    expect(wrapped('', 4)).toEqual([''])
  })
})

const steer = (method: string, out: string, ...more: string[]) => [
  ...['steer', '--model', 'text', '--reward', 'count:/a/', '--method', method, '--prompt', 'in', '--seed', '3'],
  ...['--out', out, ...more],
]

describe('espalier steer of a model of text', () => {
  it('finds texts of the reward, tells them, and keeps all of them', async () => {
    const { stdout, stderr, code } = await espalier(steer('greedy', 'greedy', '--budget', '600', '--samples', '2'))
    expect([stderr, code]).toEqual(['', 0])
    const texts = json('greedy', 'texts.json')
    const counted = texts.map(({ text }: Drawn) => text.split('a').length - 1)
    expect(texts.map(({ reward }: { reward: number }) => reward)).toEqual(counted)
    expect(counted).toEqual([...counted].sort((a, b) => b - a))
    for (const { text, tokens } of texts) {
      expect(text).toMatch(/^in/)
      expect(tokenizer.decode(tokens)).toBe(text)
    }
    const best = texts[0].text.replaceAll('\n', ' ⏎ ').trim()
    expect(stdout).toContain(`largest count:/a/\n${counted[0]}  ${best}\n`)
    expect(stdout.split('largest count:/a/\n')[1].split('\n\n')[0].trim().split('\n')).toHaveLength(2)
    expect(readFileSync(path('greedy', 'report.html'), 'utf8')).toContain('<dl class="texts"><dt>')
    const { configuration } = json('greedy', 'run.json')
    expect(configuration).toMatchObject({ prompt: 'in', sampler: 'first-hitting(calls=16)', budget: 600 })
    expect(configuration).not.toHaveProperty('solver')
    const told = readFileSync(path('greedy', 'events.jsonl'), 'utf8')
    const last = told
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .findLast(({ type }) => type === 'best')
    expect(last.text.split('a').length - 1).toBe(last.best)
    // More than the model alone: best-of-n at the same budget.
    const alone = await answer(...steer('best-of-n', 'alone', '--budget', '600'))
    expect(counted[0]).toBeGreaterThanOrEqual(alone.runs[0].best)
  })

  it('steers by a classifier, other processes, and several seeds and methods', async () => {
    const base = ['steer', '--budget', '200', '--seeds', '0,1', '--method', 'svdd(candidates=2),best-of-n']
    const prob = ['--reward', 'prob:new', '--classifier', 'classes']
    const { runs } = await answer(...base, '--model', 'text', ...prob, '--length', '6', '--out', 'classified')
    expect(runs).toHaveLength(4)
    for (const { best, text } of runs) {
      expect(best).toBeGreaterThan(0)
      expect(best).toBeLessThan(1)
      expect(text).toHaveLength(6)
    }
    const noise = await answer(...base, '--model', 'noise', '--reward', 'count:/a/', '--out', 'noised')
    expect(noise.runs.every(({ nfe }: { nfe: number }) => nfe <= 200)).toBe(true)
  })

  it('goes on with a larger budget, and keeps what it has found', async () => {
    await answer(...steer('dts', 'short-run', '--budget', '300'))
    const texts = () => json('short-run', 'texts.json').map(({ text }: Drawn) => text)
    const before = texts()
    const { runs } = await answer('steer', '--resume', 'short-run', '--budget', '500')
    expect(runs[0].nfe).toBeGreaterThan(400)
    expect(texts()).toEqual(expect.arrayContaining(before))
    expect(texts().length).toBeGreaterThan(before.length)
    const { code, stderr } = await espalier(['steer', '--resume', 'short-run', '--prompt', 'on'])
    expect(code).toBe(2)
    expect(stderr).toContain('--prompt cannot change when a run goes on')
  })

  it.each(['dts-star', 'greedy'])(
    'killed and resumed it ends as if it had not been: %s',
    async (method) => {
      const [whole, killed] = [`whole-${method}`, `killed-${method}`]
      await answer(...steer(method, whole, '--budget', '1600'))
      const { child, ended } = start(steer(method, killed, '--budget', '1600', '--checkpoint-every', '0'), folder.path)
      let over = false
      ended.then(() => {
        over = true
      })
      const checkpoints = () => {
        const file = path(killed, 'events.jsonl')
        return existsSync(file) ? readFileSync(file, 'utf8').split('"checkpoint"').length - 1 : 0
      }
      while (!over && checkpoints() < 3) await new Promise((resolve) => setTimeout(resolve, 2))
      child.kill('SIGKILL')
      expect((await ended).signal).toBe('SIGKILL')
      expect(json(killed, 'run.json').status).toBe('running')
      const resumed = await run(['steer', '--resume', killed], folder.path)
      expect([resumed.stderr, resumed.code]).toEqual(['', 0])
      expect(readFileSync(path(killed, 'texts.json'), 'utf8')).toBe(readFileSync(path(whole, 'texts.json'), 'utf8'))
      const samples = (out: string) => {
        const file = readdirSync(path(out, 'searches')).find((name) => name.endsWith('seed-3.safetensors')) as string
        return readSafetensors(readFileSync(path(out, 'searches', file))).tensors
      }
      expect(samples(killed)).toEqual(samples(whole))
    },
    60_000,
  )

  it('leaves a tree that texts are drawn from, and whose states are texts', async () => {
    await answer(...steer('dts', 'grown', '--budget', '400'))
    const { samples } = await answer('tree', 'sample', 'grown', '-n', '5')
    const known = new Map(
      json('grown', 'texts.json').map(({ text, reward }: Drawn & { reward: number }) => [text, reward]),
    )
    for (const { text, reward } of samples) expect(known.get(text)).toBe(reward)
    expect((await espalier(['tree', 'sample', 'grown', '-n', '3', '--out', 'drawn.json'])).code).toBe(0)
    for (const { text, tokens } of json('drawn.json')) expect(tokenizer.decode(tokens)).toBe(text)
    expect((await espalier(['tree', 'export', 'grown', '--states', 'way.json', '--of', 'best'])).code).toBe(0)
    const masks = json('way.json').map(({ text }: Drawn) => text.split('_').length - 1)
    expect(masks).toEqual([...masks].sort((a, b) => b - a))
    expect(masks.at(-1)).toBe(0)
    expect(masks[0]).toBeGreaterThan(5)
  })
})

describe('espalier compare of searches on text', () => {
  it('measures what they find, how varied it is, and how likely a judge finds it', async () => {
    const base = [
      'compare',
      '--model',
      'text',
      '--methods',
      'dts-star,best-of-n',
      '--reward',
      'count:/a/',
      '--seeds',
      '0-1',
    ]
    const { rows } = await answer(...base, '--budgets', '200', '--judge', 'judge', '--out', 'compared')
    const metrics = ['best reward', 'mean reward', 'unigram entropy of the 16 best', 'distinct-2 of the 16 best']
    expect([...new Set(rows.map(({ metric }: { metric: string }) => metric))]).toEqual([
      ...metrics,
      'nats a token under judge, of the 16 best',
    ])
    for (const { metric, front } of rows) expect(front === undefined).toBe(!metric.endsWith('reward'))
    const other = await answer(...base, '--budgets', '100', '--judge', 'count:/b/', '--out', 'compared-2')
    expect(other.rows.map(({ metric }: { metric: string }) => metric)).toContain('count:/b/ of the best')
  })
})

describe('espalier doctor', () => {
  it('asks models of text, and finds those whose tokenizer does not fit', async () => {
    mkdirSync(path('zoo'))
    for (const type of ['masked', 'uniform', 'autoregressive', 'token-classifier'] as const) {
      writeTextModel(path('zoo', type), { type })
    }
    writeTextModel(path('zoo', 'short'), { tokenizer: characterTokenizer(alphabet.slice(1)) })
    const found = (await examine(path('zoo'))).filter(({ check }) => check.startsWith('zoo model'))
    expect(found.map(({ check, ok }) => [check.slice(10), ok])).toEqual([
      ...['autoregressive', 'masked'].map((name) => [name, true]),
      ['short', false],
      ...['token-classifier', 'uniform'].map((name) => [name, true]),
    ])
    expect(found[1].detail).toContain('text of 29 tokens, runs')
    expect(found[2].detail).toContain('28 tokens, the card says 29')
  })
})

describe('what is wrong is told in one line', () => {
  const sample = ['sample', '--model', 'text']
  const search = ['steer', '--model', 'text', '--reward', 'count:/a/']
  it.each([
    ['an unknown character', [...sample, '--prompt', 'Adam'], /--prompt: the tokenizer has no token for "A"/],
    [
      'a prompt too long',
      [...sample, '--prompt', 'a'.repeat(17)],
      /a prompt of 17 tokens does not fit a sequence of 16/,
    ],
    ['a prompt longer than asked', [...sample, '--prompt', 'abc', '--length', '2'], /--length 2: a prompt of 3 tokens/],
    ['a length beyond the model', [...sample, '--length', '40'], /--length 40: .* the model takes 1 to 16/],
    ['nothing to fill', [...sample, '--prompt', 'abc', '--length', '3'], /fills all 3 tokens; raise --length/],
    ['a hole misspelt', [...sample, '--prompt', 'a[mask:two]'], /"\[mask:two\]" is not understood/],
    ['a hole of nothing', [...sample, '--prompt', 'a[mask:0]'], /\[mask:0\] holds no token/],
    ['an unknown sampler', [...sample, '--sampler', 'beam'], /there is no sampler "beam"; there are first-hitting/],
    ['a sampler option', [...sample, '--sampler', 'ancestral(order=2)'], /Unrecognized key: "order"/],
    ['no such energy', [...sample, '--sampler', 'energy'], /there is no text-autoregressive in the zoo/],
    ['an energy that is none', [...sample, '--sampler', 'energy(model=classes)'], /an "energy" or an "autoregressive"/],
    ['no profile', [...sample, '--sampler', 'profile:none.json'], /profile:none\.json: no such file/],
    ['an odd profile', [...sample, '--sampler', 'profile:odd.json'], /odd\.json.*2 factors for 1 steps/],
    ['Gumbels of an exact sampler', [...sample, '--noise', 'float32'], /first-hitting draws exactly/],
    ['a wrong noise', [...sample, '--noise', 'float16'], /One of exact, float32 is needed/],
    ['a cold beyond zero', [...sample, '--temperature', '0'], /A number above 0 is needed/],
    ['a share of nothing', [...sample, '--top-p', '0'], /--top-p/],
    ['a sampler of another process', ['sample', '--model', 'noise', '--sampler', 'first-hitting'], /is for masked/],
    ['a prompt of a uniform process', ['sample', '--model', 'noise', '--prompt', 'in'], /cannot keep prompt tokens/],
    ['a solver of images', [...sample, '--solver', 'ddim'], /--solver is not for models of text, and text is one/],
    ['guidance of images', [...sample, '--guidance', '2'], /--guidance is not for models of text/],
    [
      'a prompt for images',
      ['sample', '--model', 'images', '--prompt', 'in'],
      /--prompt is for models of text, and images/,
    ],
    ['lines without JSON', [...sample, '--stream'], /--stream prints JSON lines; give --json too/],
    ['a picture of text', [...sample, '--out-samples', 'a.png'], /--out-samples a\.png: texts go to \.json or \.txt/],
    ['a judge that is none', [...sample, '--judge', 'classes'], /--judge classes is of the type token-classifier/],
    ['a judge of other tokens', [...sample, '--judge', 'foreign'], /--judge foreign has another tokenizer than text/],
    ['a judge of images', [...sample, '--judge', 'images'], /--judge images is no model of text/],
    ['a model that reads only', ['sample', '--model', 'judge'], /can serve as an energy or as a judge/],
    ['no tokenizer', ['sample', '--model', 'mute'], /tokenizer\.json is missing; a model of text needs its tokenizer/],
    ['a garbled tokenizer', ['sample', '--model', 'garbled'], /tokenizer\.json is not JSON/],
    ['a strange tokenizer', ['sample', '--model', 'strange'], /--model strange: .*tokenizer\.json/],
    ['a tokenizer of fewer tokens', ['sample', '--model', 'short'], /28 tokens, the card says 29/],
    ['a card that does not fit', ['sample', '--model', 'wrong'], /no output "guess"/],
    [
      'solvers of text',
      ['compare', '--model', 'text', '--solvers', 'ddim', '--steps', '3'],
      /of text --methods are compared/,
    ],
    ['a demo of text', ['demo', '--model', 'text'], /--model text is a text model; espalier sample, espalier steer/],
    ['a gradient by tokens', ['grad', 'text/model.onnx'], /the model has no float input/],
    [
      'a reward of images',
      ['steer', '--model', 'text', '--reward', 'jpeg'],
      /jpeg is a reward of images, and the model makes/,
    ],
    ['a reward of text', ['steer', '--model', 'images', '--reward', 'sentiment'], /sentiment is a reward of text/],
    [
      'a search along gradients',
      [...search, '--method', 'tds'],
      /--method tds: it follows a gradient, and tokens have none/,
    ],
    ['a search over noises', [...search, '--method', 'zero-order'], /start noises of images, and text has none/],
    ['a budget below one text', [...search, '--budget', '5'], /less than one sample of 16 NFE; .*--sampler/],
    [
      'a sampler that remembers',
      [...search, '--sampler', 'first-hitting(order=2)'],
      /cannot be branched; take order 1/,
    ],
    ['a grid of images', [...search, '--grid', 'karras'], /--grid is not for models of text/],
    [
      'texts of images',
      ['steer', '--model', 'images', '--reward', 'jpeg', '--samples', '2'],
      /--samples is for models of text/,
    ],
  ])('%s', async (_, args, says) => {
    const before = readdirSync(folder.path)
    const { code, stdout, stderr } = await espalier(args)
    expect(stderr).toMatch(says)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    expect([code, stdout]).toEqual([2, ''])
    expect(readdirSync(folder.path)).toEqual(before)
  })
})
