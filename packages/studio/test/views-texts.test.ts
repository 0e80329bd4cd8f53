import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { ModelEntry, RunConfig } from '@espalier/engine'
import { defaultTokenSampler } from 'espalier/text'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { planCommand } from '../../cli/src/commands/plan.ts'
import { steerCommand } from '../../cli/src/commands/steer.ts'
import { catalogue } from '../src/engine/catalogue.ts'
import { kindOfJson } from '../src/file-kinds.ts'
import { bytes } from '../src/format.ts'
import { rolloutCost } from '../src/views/new-run/cost.ts'
import { configOf, DraftError, draftOf, fieldOf, forModel, usualSampler } from '../src/views/new-run/draft.ts'
import { formOf, formsFor, rewardOf } from '../src/views/new-run/rewards.ts'
import { commandLine, moduleOf, planLine, readCall, writeCall } from '../src/views/texts.ts'

const image: ModelEntry = {
  ...{ key: 'mnist-small', title: 'mnist-small', kind: 'image', event: [1, 28, 28], classes: ['0', '1'] },
  ...{ rewards: ['class:0', 'class:1', 'brightness', 'ink'], process: 'vp-cosine', prediction: 'velocity' },
}
const points: ModelEntry = {
  ...{ key: 'mixture', title: 'mixture', kind: 'points', event: [2], classes: [] },
  ...{ rewards: ['near:2,0', 'near:0,1'], process: 'vp-linear' },
}
const text: ModelEntry = {
  ...{ key: 'words', title: 'words', kind: 'text', event: [32], classes: [] },
  ...{ rewards: ['length:40', 'matches:/love/i', 'distinct'], process: 'masked' },
}

const full: RunConfig = {
  ...{ model: 'mnist-small', reward: 'odds:3', method: 'dts(alpha=0.6)', budget: 6000, seed: 1, lambda: 0.5, width: 8 },
  ...{ steps: 20, grid: 'uniform', solver: 'ddim(eta=1)', guidance: 1, class: 'none' },
}

describe('a call as text', () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/)
  const value = fc.oneof(word, fc.integer().map(String), fc.constantFrom('true', 'ddim(eta=1, x=2)', '0.5'))

  it('is what its parts are written as', () => {
    fc.assert(
      fc.property(
        word,
        fc.uniqueArray(fc.tuple(word, value), { selector: ([name]) => name, maxLength: 4 }),
        (name, options) => {
          const call = { name, options, rest: '' }
          expect(readCall(writeCall(call))).toEqual(call)
        },
      ),
    )
  })

  it('keeps what is no option, and what is being typed', () => {
    expect(readCall('a(b, c=1, c=2)')).toEqual({ name: 'a', options: [['c', '1']], rest: 'b, c=2' })
    expect(readCall('a(b=(')).toMatchObject({ name: 'a', options: [['b', '(']] })
    expect(
      writeCall({
        name: 'a',
        options: [
          ['b', ' '],
          ['c', '1 '],
        ],
        rest: 'x',
      }),
    ).toBe('a(c=1, x)')
  })
})

/** The words of a command as a shell gives them. */
function wordsOf(line: string): string[] {
  return execFileSync('sh', ['-c', `printf '%s\\0' ${line}`], { encoding: 'utf8' })
    .split('\0')
    .slice(0, -1)
}

describe('the command line of a run', () => {
  const parsed = (config: RunConfig, kind: ModelEntry['kind'] = 'image', deterministic = false) => {
    const [espalier, steer, ...words] = wordsOf(commandLine(config, { kind, deterministic }))
    expect([espalier, steer]).toEqual(['espalier', 'steer'])
    const command = steerCommand()
      .exitOverride()
      .action(() => {})
    return command.parse(words, { from: 'user' }).opts()
  }

  it('is what espalier steer reads back', () => {
    const { reward, method, model, seed, ...rest } = parsed({ ...full, reward: '-jpeg', guidance: 2, class: '7' })
    expect({ reward, method, model, seed }).toEqual({
      ...{ reward: ['-jpeg'], method: ['dts(alpha=0.6)'], model: 'mnist-small', seed: 1 },
    })
    expect(rest).toMatchObject({
      budget: 6000,
      lambda: 0.5,
      width: 8,
      steps: 20,
      grid: 'uniform',
      solver: 'ddim(eta=1)',
    })
    expect(rest).toMatchObject({ guidance: 2, class: '7' })
  })

  it('gives searches over noises their own solver', () => {
    const options = parsed({ ...full, method: 'zero-order', solver: 'dpm++2m' }, 'image', true)
    expect(options).toMatchObject({ method: ['zero-order'], odeSolver: 'dpm++2m' })
    expect(options.solver).toBeUndefined()
  })

  it('of text has a sampler, a prompt and a length, and nothing of solvers', () => {
    const config = { ...full, model: 'words', reward: "matches:/it's (a|b)$/i", solver: 'first-hitting(calls=16)' }
    const { class: _, ...own } = config
    const options = parsed({ ...own, prompt: 'don\'t [mask:3]\\ "ok"', length: 12 }, 'text')
    expect(options).toMatchObject({ sampler: 'first-hitting(calls=16)', prompt: 'don\'t [mask:3]\\ "ok"', length: 12 })
    expect(options.reward).toEqual(["matches:/it's (a|b)$/i"])
    expect(Object.keys(options)).not.toEqual(expect.arrayContaining(['steps']))
    expect(options.solver).toBeUndefined()
  })
})

describe('what else a terminal is given', () => {
  it('is a reward of the page as a module', async () => {
    const module = await import(
      `data:text/javascript,${encodeURIComponent(moduleOf('x[0] + shape[0] * 10 + i * 100'))}`
    )
    const sample = (first: number) => ({ shape: [2], data: Float32Array.of(first, 0) })
    expect(module.reward([sample(1), sample(2)])).toEqual([21, 122])
  })

  it('is the analysis of a solver', () => {
    const line = planLine('ddim(eta=0.5)', 'vp-linear', 'karras(exponent=5, rhoMax=80)', '7')
    const [espalier, plan, analyse, ...words] = wordsOf(line)
    expect([espalier, plan, analyse]).toEqual(['espalier', 'plan', 'analyse'])
    const command = planCommand().commands.find((each) => each.name() === 'analyse')
    const options = command
      ?.exitOverride()
      .action(() => {})
      .parse(words, { from: 'user' })
      .opts()
    expect(options).toMatchObject({
      ...{ solver: 'ddim(eta=0.5)', process: 'vp-linear', grid: 'karras(exponent=5, rhoMax=80)', steps: 7 },
    })
  })
})

describe('the form', () => {
  it('gives back the config that it was filled with', () => {
    expect(configOf(draftOf(full), 'image')).toEqual(full)
    const { class: _, ...words } = { ...full, model: 'words', solver: 'ancestral', steps: 50, prompt: 'a', length: 5 }
    expect(configOf(draftOf(words), 'text')).toEqual(words)
    const origin = { run: 'r', node: 3 }
    expect(configOf(draftOf({ ...full, origin }), 'image').origin).toEqual(origin)
  })

  it('names the first wrong field: what was given, what was expected, what to do', () => {
    const wrong = (changes: object) => {
      try {
        configOf({ ...draftOf(full), ...changes }, 'image')
      } catch (error) {
        expect(error).toBeInstanceOf(DraftError)
        return [(error as DraftError).field, (error as Error).message]
      }
      return []
    }
    expect(wrong({ budget: 'none', seed: '-1' })).toEqual([
      'budget',
      'budget: expected a whole number from 1 on, got "none"; write one, such as 6000',
    ])
    expect(wrong({ width: '2000' })[1]).toContain('a whole number, 1 to 1024')
    expect(wrong({ reward: ' ' })).toEqual(['reward', 'reward: it is empty; choose or write one'])
    expect(wrong({})).toEqual([])
    expect(fieldOf('method dts(x=1): there is no option x')).toBe('method')
    expect(fieldOf('nothing: of the form')).toBeUndefined()
  })

  it('changes what does not fit another model, and no more', () => {
    const draft = { ...draftOf(full), class: '1', guidance: '2' }
    const words = forModel(draft, text, false, image)
    expect(words).toMatchObject({ model: 'words', reward: 'length:40', class: '', solver: 'first-hitting(calls=16)' })
    expect(forModel(words, { ...text, process: 'uniform' }, false, text).solver).toBe('ancestral(steps=16)')
    expect(forModel(words, image, true, text)).toMatchObject({ solver: 'ddim', class: 'none', guidance: '1' })
    const same = forModel({ ...draft, reward: '0.5*class:1' }, { ...image, key: 'other' }, false, image)
    expect(same).toEqual({ ...draft, reward: '0.5*class:1', model: 'other' })
  })

  it('takes the sampler that an engine would', () => {
    for (const process of ['masked', 'uniform'] as const) {
      expect(usualSampler({ process })).toBe(defaultTokenSampler(process, true))
    }
  })

  it('knows what a sample costs', () => {
    expect(rolloutCost(full, image, 20)).toBe(20)
    expect(rolloutCost({ ...full, guidance: 2 }, image, 20)).toBe(40)
    expect(rolloutCost(full, image, undefined)).toBeUndefined()
    const cost = (solver: string, length?: number) => rolloutCost({ ...full, solver, length }, text, undefined)
    expect(cost('first-hitting')).toBe(32)
    expect(cost('first-hitting(calls=16)')).toBe(16)
    expect(cost('first-hitting(calls=16)', 8)).toBe(8)
    expect(cost('theta-rk2(steps=10)')).toBe(20)
    expect(cost('ancestral')).toBe(32)
  })
})

describe('the chooser of rewards', () => {
  const { rewards } = catalogue()
  const names = (model: ModelEntry, kinds = rewards.image) => formsFor(model, kinds).map(({ name }) => name)

  it('offers what fits a model, and what is written out', () => {
    expect(names(image)).toEqual(['class', 'odds', 'prob', 'brightness', 'ink', 'symmetry', 'smoothness', ''])
    expect(names(points)).toEqual(['near', ''])
    expect(names(text, rewards.text)).toEqual([
      'matches',
      'edits',
      'count',
      'share',
      'length',
      'distinct',
      'alliteration',
      '',
    ])
    expect(names({ ...text, rewards: ['words', 'rhyme'] }, rewards.text)).toEqual(
      expect.arrayContaining(['words', 'rhyme']),
    )
  })

  it('knows a reward by its form, and writes one of another', () => {
    const forms = formsFor(image, rewards.image)
    expect(formOf('odds:1', forms).name).toBe('odds')
    expect(formOf('ink(target=0.2)', forms).takes).toBe('options')
    for (const other of ['0.5*class:7', '-ink', 'sum(class:1, ink)', 'js:x[0]', 'https://a.b/c']) {
      expect(formOf(other, forms).name, other).toBe('')
    }
    const to = (name: string, before: string) => rewardOf(formOf(`${name}:`, forms), image, before)
    expect(to('odds', 'class:1')).toBe('odds:1')
    expect(to('class', 'ink')).toBe('class:0')
    expect(to('brightness', 'ink')).toBe('brightness')
    const ofText = formsFor(text, rewards.text)
    expect(rewardOf(formOf('matches:', ofText), text, 'distinct')).toBe('matches:/love/i')
    expect(rewardOf(formOf('share:', ofText), text, 'distinct')).toBe('share:/[aeiou]/')
    expect(rewardOf(formOf('alliteration', ofText), text, 'distinct')).toBe('alliteration')
  })
})

describe('a JSON file', () => {
  it('is known by what is in it', () => {
    expect(kindOfJson({ type: 'gaussian-mixture', means: [] })).toBe('world')
    expect(kindOfJson({ name: 'ddim', grid: [1, 0], stages: [] })).toBe('plan')
    expect(kindOfJson(full)).toBe('config')
    expect(kindOfJson({ type: 'network', event: [2], inputs: {} })).toBe('card')
    expect(kindOfJson({ type: 'masked', vocabulary: 27 })).toBe('card')
    for (const odd of [null, 3, 'a', [], {}, { type: 'other' }]) expect(kindOfJson(odd)).toBe('unknown')
  })

  it('is a tokenizer where it is one of the zoo', () => {
    for (const name of ['words', 'kjv']) {
      const file = new URL(`../../zoo/models/${name}/tokenizer.json`, import.meta.url)
      expect(kindOfJson(JSON.parse(readFileSync(file, 'utf8')))).toBe('tokenizer')
      const card = new URL(`../../zoo/models/${name}/card.json`, import.meta.url)
      expect(kindOfJson(JSON.parse(readFileSync(card, 'utf8')))).toBe('card')
    }
  })
})

it('sizes have four digits at most', () => {
  const sizes = [0, 499, 900, 999_499, 999_500, 1_234_567, 999_949_999, 999_950_000, 2.5e9].map(bytes)
  expect(sizes).toEqual(['0 kB', '0 kB', '1 kB', '999 kB', '1.0 MB', '1.2 MB', '999.9 MB', '1.0 GB', '2.5 GB'])
})
