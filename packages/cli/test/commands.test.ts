import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { readModel } from '@espalier/graph'
import { readNpy, readSafetensors, writeNpy } from 'espalier/tensor'
import { decode } from 'fast-png'
import { describe, expect, it } from 'vitest'
import { readRunRecord } from '../src/run-folder.ts'
import { run, scratch, session, start } from './cli.ts'

const folder = scratch()
const espalier = session(folder)

/** Runs a command that must succeed; returns its JSON. */
async function answer(...args: string[]) {
  const { code, stdout, stderr } = await espalier([...args, '--json'])
  expect(stderr).toBe('')
  expect(code).toBe(0)
  return JSON.parse(stdout)
}

const samplesIn = (name: string) =>
  readSafetensors(readFileSync(join(folder.path, name, 'samples.safetensors'))).tensors.samples

describe('espalier sample', () => {
  it('draws from a world, with everything that repeats the run', async () => {
    const result = await answer('sample', '--model', 'world.json', '--count', '400', '--steps', '25', '--out', 'points')
    expect(result).toMatchObject({ samples: 400, nfe: 400 * 25, status: 'done' })
    const { shape, data } = samplesIn('points')
    expect(shape).toEqual([400, 2])
    // The modes at -2 and 2 hold 1/4 and 3/4 of the data: four standard errors.
    const right = data.filter((x, i) => i % 2 === 0 && (x as number) > 0).length / 400
    expect(Math.abs(right - 0.75)).toBeLessThan(4 * Math.sqrt((0.75 * 0.25) / 400))
    expect(readdirSync(join(folder.path, 'points')).sort()).toEqual([
      'events.jsonl',
      'plan.json',
      'run.json',
      'samples.png',
      'samples.safetensors',
      'samples.svg',
    ])
    expect(readRunRecord(join(folder.path, 'points'))).toMatchObject({
      status: 'done',
      seeds: [0],
      configuration: { steps: 25, solver: 'ddim', grid: 'uniform' },
    })
  })

  it('gives the same samples whatever the batch, and others for another seed', async () => {
    const base = ['sample', '--model', 'world.json', '--count', '30', '--steps', '8', '--eta', '1']
    await answer(...base, '--batch', '30', '--out', 'whole')
    await answer(...base, '--batch', '7', '--out', 'parts')
    await answer(...base, '--seed', '1', '--out', 'other')
    expect(samplesIn('parts').data).toEqual(samplesIn('whole').data)
    expect(samplesIn('other').data).not.toEqual(samplesIn('whole').data)
  })

  it('runs a table from a file as it runs the solver that made it', async () => {
    const base = ['sample', '--model', 'world.json', '--count', '5']
    await answer(...base, '--solver', 'ddpm', '--steps', '6', '--grid', 'logSnr', '--out', 'named')
    await answer(...base, '--plan', 'named/plan.json', '--out', 'planned')
    expect(samplesIn('planned').data).toEqual(samplesIn('named').data)
  })

  it('draws images of a class, counts guided rows twice, and makes a contact sheet', async () => {
    const base = ['sample', '--model', 'images', '--count', '6', '--steps', '10']
    const dark = await answer(...base, '--class', 'dark', '--out', 'dark')
    const light = await answer(...base, '--class', 'light', '--guidance', '2', '--out', 'light')
    expect([dark.nfe, light.nfe]).toEqual([60, 120])
    const mean = (name: string) => {
      const data = samplesIn(name).data as Float32Array
      return data.reduce((a, b) => a + b, 0) / data.length
    }
    expect(mean('dark')).toBeLessThan(-0.2)
    expect(mean('light')).toBeGreaterThan(0.2)
    const sheet = decode(readFileSync(join(folder.path, 'dark', 'contact-sheet.png')))
    // Six pictures of 8 pixels, enlarged 11 times, 6 between, 16 around.
    expect([sheet.width, sheet.height]).toEqual([16 * 2 + 6 * 88 + 5 * 6, 16 * 2 + 88])
  })

  it('takes any solver and grid with options, noise from numpy, and gives samples to numpy', async () => {
    const noise = writeNpy({ shape: [3, 2], data: Float32Array.of(0.5, -1, 2, 0, -0.3, 0.7) })
    writeFileSync(join(folder.path, 'noise.npy'), noise)
    const base = ['sample', '--model', 'world.json', '--start', 'noise.npy', '--grid', 'karras(rhoMax=80)']
    const ode = ['--solver', 'unipc(order=3)', '--steps', '100']
    const result = await answer(...base, ...ode, '--out', 'from-numpy', '--out-samples', 'out.npy')
    expect(result).toMatchObject({ samples: 3, nfe: 300 })
    const { shape, data } = readNpy(readFileSync(join(folder.path, 'out.npy')))
    expect([shape, data]).toEqual([[3, 2], samplesIn('from-numpy').data])
    // The probability flow takes each start to the one end, whichever solver finds it.
    await answer(...base, '--solver', 'heun', '--steps', '100', '--out', 'again')
    const again = samplesIn('again').data as Float32Array
    data.forEach((x, i) => {
      expect(Math.abs(x - again[i])).toBeLessThan(5e-3)
    })
  })

  it('samples a world on the noise levels of any scheduler, and repeats the run by its line', async () => {
    // The default table of diffusers begins with more noise than the world's own process has.
    writeFileSync(join(folder.path, 'euler.json'), JSON.stringify({ _class_name: 'EulerDiscreteScheduler' }))
    const base = ['sample', '--model', 'world.json', '--count', '3', '--scheduler', 'euler.json', '--steps', '6']
    expect(await answer(...base, '--out', 'euler')).toMatchObject({ samples: 3, nfe: 18 })
    const { line } = JSON.parse(readFileSync(join(folder.path, 'euler', 'run.json'), 'utf8'))
    expect(line).not.toContain('--solver')
    await answer(...line.split(' ').slice(1), '--out', 'euler-again')
    expect(samplesIn('euler-again').data).toEqual(samplesIn('euler').data)
  })

  it('reads a scheduler of diffusers: its noise schedule, timesteps and solver', async () => {
    const config = {
      _class_name: 'DPMSolverMultistepScheduler',
      beta_schedule: 'scaled_linear',
      beta_start: 0.00085,
      beta_end: 0.012,
      use_karras_sigmas: true,
    }
    writeFileSync(join(folder.path, 'scheduler_config.json'), JSON.stringify(config))
    const base = ['sample', '--model', 'world.json', '--count', '300', '--scheduler', 'scheduler_config.json']
    const result = await answer(...base, '--steps', '15', '--out', 'scheduled')
    expect(result).toMatchObject({ samples: 300, nfe: 300 * 15 })
    const data = samplesIn('scheduled').data as Float32Array
    const right = data.filter((x, i) => i % 2 === 0 && x > 0).length / 300
    expect(Math.abs(right - 0.75)).toBeLessThan(4 * Math.sqrt((0.75 * 0.25) / 300))
  })

  it('rescales, limits and thresholds guidance, and counts what it costs', async () => {
    const base = ['sample', '--model', 'images', '--count', '4', '--steps', '10', '--class', 'light', '--guidance', '5']
    const plain = await answer(...base, '--out', 'guided')
    const limited = await answer(...base, '--guidance-interval', '0.2,0.65', '--out', 'limited')
    const rescaled = await answer(...base, '--guidance-rescale', '0.7', '--out', 'rescaled')
    await answer(...base, '--threshold', 'static', '--out', 'clipped')
    expect([plain.nfe, rescaled.nfe]).toEqual([80, 80])
    // Only rows within the interval are asked twice.
    expect(limited.nfe).toBeGreaterThan(40)
    expect(limited.nfe).toBeLessThan(80)
    const most = (name: string) => Math.max(...(samplesIn(name).data as Float32Array).map(Math.abs))
    expect(most('guided')).toBeGreaterThan(1.05)
    expect(most('clipped')).toBeLessThanOrEqual(1)
    expect(most('rescaled')).toBeLessThan(most('guided'))
  })

  it('restores what it is given, with a network around a mean', async () => {
    const degraded = Float32Array.from({ length: 3 * 64 }, (_, i) => Math.sin(i))
    writeFileSync(join(folder.path, 'degraded.npy'), writeNpy({ shape: [3, 1, 8, 8], data: degraded }))
    const base = ['sample', '--model', 'restore', '--condition', 'degraded=degraded.npy', '--steps', '5']
    expect(await answer(...base, '--solver', 'denoised(base=mr)', '--out', 'restored')).toMatchObject({
      samples: 3,
      nfe: 3 * 6,
    })
    const restored = samplesIn('restored').data as Float32Array
    restored.forEach((value, i) => {
      expect(value).toBeCloseTo(degraded[i] / 2, 5)
    })
    // Seven samples take the three rows in turns.
    expect(await answer(...base, '--count', '7', '--out', 'turns')).toMatchObject({ samples: 7 })
  })

  it('says one thing on stdout and nothing on stderr', async () => {
    const { stdout, stderr } = await espalier(['sample', '--model', 'world.json', '--count', '3'])
    expect(stdout).toMatch(/^3 samples, 50 steps of ddim\(eta=0\), 150 NFE in/)
    expect(stderr).toBe('')
  })
})

describe('espalier compare', () => {
  it('runs solvers on a world at equal NFE, measured against what is known exactly', async () => {
    const solvers = 'ddim,deis(order=3),heun,ddpm'
    const options = ['--solvers', solvers, '--nfe', '5,21', '--grid', 'quadratic(to=0.001)', '--seeds', '0-1']
    const { rows, files } = await answer(
      'compare',
      '--model',
      'world.json',
      ...options,
      '--count',
      '100',
      '--out',
      'cmp',
    )
    const mean = (metric: string, method: string, nfe: number) =>
      rows.find((r: Record<string, unknown>) => r.metric === metric && r.method === method && r.nfe === nfe)?.mean
    const distance = 'rms distance'
    expect(mean(distance, 'deis(order=3)', 21)).toBeLessThan(0.3 * mean(distance, 'ddim', 21))
    expect(mean(distance, 'ddim', 21)).toBeLessThan(0.5 * mean(distance, 'ddim', 5))
    // Heun spends two calls a step: ten steps fit into 21.
    expect(mean(distance, 'heun', 20)).toBeGreaterThan(0)
    expect(mean(distance, 'ddpm', 21)).toBeUndefined()
    expect(mean('sliced W2 to the data', 'ddpm', 21)).toBeGreaterThan(0)
    expect(readdirSync(join(folder.path, 'cmp'))).toEqual(expect.arrayContaining(files))
    expect(files).toEqual(expect.arrayContaining(['comparison.json', 'distance.svg', 'sliced-w2-to-the-data.png']))
  })

  it('runs searches at several budgets, and says what no other beats; finding only -Infinity is no error', async () => {
    // Few samples are so far to the left: some of the searches find none.
    const reward = 'export const reward = (all) => all.map(({ data }) => (data[0] < -2 ? data[1] : -Infinity))'
    writeFileSync(join(folder.path, 'far.mjs'), reward)
    const base = ['compare', '--model', 'world.json', '--methods', 'greedy,best-of-n', '--reward', './far.mjs']
    const options = ['--judge', 'near:-2,0', '--budgets', '30,200,500', '--steps', '10', '--seeds', '0-3']
    const { rows, files } = await answer(...base, ...options, '--out', 'pareto')
    expect(rows).toHaveLength(2 * 3 * 4)
    const of = (metric: string) => rows.filter((row: Record<string, unknown>) => row.metric === metric)
    for (const metric of ['best reward', 'near:-2,0 of the best']) {
      for (const { front, nfe, mean, never = 0 } of of(metric)) {
        const complete = of(metric).filter((row: { never?: number }) => !row.never)
        const beaten = complete.some((other: { nfe: number; mean: number }) => other.nfe < nfe && other.mean >= mean)
        if (never > 0 || beaten) expect(front).toBe(false)
      }
      expect(of(metric).some(({ front }: { front: boolean }) => front)).toBe(true)
    }
    expect(of('best reward').some(({ never }: { never?: number }) => never)).toBe(true)
    for (const { mean, n, never = 0 } of of('best reward')) {
      expect(n + never).toBe(4)
      expect(mean === null).toBe(n === 0)
    }
    for (const row of of('spread of the 16 best')) expect(row).not.toHaveProperty('front')
    expect(files).toEqual(expect.arrayContaining(['comparison.json', 'best-reward.svg', 'best-reward.png']))
    const svg = readFileSync(join(folder.path, 'pareto', 'best-reward.svg'), 'utf8')
    expect(svg).toContain('on the dotted staircase: the Pareto')
    const { stdout, stderr } = await espalier([...base, '--budgets', '30', '--steps', '10', '--seeds', '0-3'])
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^metric +NFE +method +mean \[95%\] +never +front +gradients +reward evals\n/)
    expect(stdout).toMatch(/\nfront: no other row .*\nnever: seeds whose value is -Infinity/)
  })

  it('runs a network under guidance at equal steps, against a fine solution', async () => {
    const options = ['--solvers', 'ddim,dpm++2m', '--steps', '4,8', '--guidance', '2', '--reference-steps', '60']
    const result = await answer('compare', '--model', 'images', ...options, '--count', '6', '--out', 'guided-cmp')
    expect(result.rows.map((r: { nfe: number }) => r.nfe)).toEqual([8, 16, 8, 16])
    const { code, stdout } = await espalier(['compare', '--model', 'images', ...options, '--count', '4'])
    expect([code, stdout.split('\n')[0]]).toEqual([0, expect.stringMatching(/^metric +solver +NFE +mean/)])
  })
})

describe('espalier plan', () => {
  it('shows a table, saves it, and sample runs it', async () => {
    const options = ['--solver', 'dpm++2m', '--steps', '6', '--process', 'vp-linear']
    const { code, stdout } = await espalier(['plan', 'show', ...options, '--save', 'table.json'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^dpm-solver\+\+\(2M,midpoint\) on vp-linear\(0.1,20\), data prediction, 6 steps\n/)
    expect(stdout.trim().split('\n')).toHaveLength(2 + 2 + 6)
    expect(await answer('plan', 'show', '--plan', 'table.json')).toEqual(
      JSON.parse(readFileSync(join(folder.path, 'table.json'), 'utf8')),
    )
    const result = await answer(
      'sample',
      '--model',
      'world.json',
      '--plan',
      'table.json',
      '--count',
      '5',
      '--out',
      'tabled',
    )
    expect(result).toMatchObject({ samples: 5, nfe: 30 })
  })

  it('computes the order and the stability of a table, and draws its region', async () => {
    const rk4 = await answer(
      'plan',
      'analyse',
      '--solver',
      'runge-kutta(method=rk4)',
      '--steps',
      '20',
      '--plot',
      'r.svg',
    )
    expect(rk4).toMatchObject({ nfe: 77, stochastic: false, solverOrder: { steady: 4 } })
    expect(readFileSync(join(folder.path, 'r.svg'), 'utf8')).toContain('Stability region of rk4(rho)')
    const { stdout } = await espalier(['plan', 'analyse', '--solver', 'ddpm', '--steps', '5'])
    expect(stdout).toContain('stochastic: it has no order conditions')
  })

  it('prints the schema of tables, which its own tables follow', async () => {
    const schema = JSON.parse((await espalier(['plan', 'schema'])).stdout)
    expect(schema).toMatchObject({ type: 'object', additionalProperties: false })
    expect(Object.keys(schema.properties).sort()).toEqual(['grid', 'name', 'process', 'stages', 'target', 'type'])
  })
})

describe('espalier steer', () => {
  const base = ['steer', '--model', 'world.json', '--reward', 'near:-2,0', '--steps', '10']

  it('runs every method on the same seeds at the same budget, and reports it', async () => {
    const result = await answer(
      ...base,
      '--method',
      'dts-star,dts,best-of-n,importance',
      '--budget',
      '600',
      '--seeds',
      '0-2',
      '--out',
      'all',
    )
    expect(result.runs).toHaveLength(12)
    expect(result.summary.map((s: { method: string }) => s.method)).toEqual([
      'dts-star',
      'dts',
      'best-of-n',
      'importance',
    ])
    for (const { nfe, best, stopped } of result.runs) {
      expect(nfe).toBeLessThanOrEqual(600)
      expect(nfe).toBeGreaterThan(540)
      expect(best).toBeLessThanOrEqual(0)
      expect(stopped).toBe('budget')
    }
    const files = readdirSync(join(folder.path, 'all'))
    expect(files).toEqual(expect.arrayContaining(['report.html', 'reward-against-nfe.svg', 'samples.png', 'searches']))
    expect(readFileSync(join(folder.path, 'all', 'report.html'), 'utf8')).toContain('dts-star')
    const { tensors } = readSafetensors(
      readFileSync(join(folder.path, 'all', 'searches', 'near-minus-2-0-best-of-n-seed-1.safetensors')),
    )
    expect(tensors.samples.shape).toEqual([60, 2])
    expect(Math.max(...(tensors.rewards.data as Float64Array))).toBe(
      result.runs.find((r: { method: string; seed: number }) => r.method === 'best-of-n' && r.seed === 1).best,
    )
  })

  it('cuts rollouts short where it is asked to, and branches where it is told', async () => {
    const options = ['--budget', '400', '--seeds', '0-1', '--method', 'dts(rollout=finish),greedy']
    const result = await answer(...base, ...options, '--branch', 'every', '--out', 'short')
    const of = (method: string) => result.runs.filter((r: { method: string }) => r.method === method)
    for (const { nfe, stopped } of result.runs) {
      expect(nfe).toBeLessThanOrEqual(400)
      expect(stopped).toBe('budget')
    }
    // A whole rollout costs 10: a short one less.
    for (const { candidates } of of('dts(rollout=finish)')) expect(candidates).toBeGreaterThan(55)
  })

  it('takes a reward from a file, and negates any reward', async () => {
    writeFileSync(
      join(folder.path, 'first.mjs'),
      'export async function reward(samples) { return samples.map(({ data }) => data[0]) }',
    )
    const options = ['--steps', '10', '--budget', '400', '--method', 'best-of-n']
    const right = await answer(
      'steer',
      '--model',
      'world.json',
      '--reward',
      './first.mjs',
      ...options,
      '--out',
      'right',
    )
    expect(right.runs[0].best).toBeGreaterThan(2)
    const far = await answer('steer', '--model', 'world.json', '--reward=-near:-2,0', ...options, '--out', 'far')
    expect(far.runs[0].best).toBeGreaterThan(7)
  })

  it('steers images to a small or a large JPEG', async () => {
    const options = ['--model', 'images', '--steps', '5', '--budget', '100', '--method', 'best-of-n']
    const result = await answer('steer', ...options, '--reward', 'jpeg', '--reward=-jpeg', '--out', 'jpeg')
    const [large, small] = result.runs
    expect(large.best).toBeGreaterThan(-small.best)
    const files = readdirSync(join(folder.path, 'jpeg'))
    expect(files).toEqual(expect.arrayContaining(['contact-sheet-jpeg.png', 'contact-sheet-minus-jpeg.png']))
  })

  it('goes on after kill -9 to the very result of a run that was never stopped', async () => {
    const args = [...base, '--method', 'dts-star', '--budget', '12000', '--checkpoint-every', '0']
    await answer(...args, '--out', 'whole-tree')
    const { child, ended } = start([...args, '--out', 'killed'], folder.path)
    const tree = join('searches', 'near-minus-2-0-dts-star-seed-0')
    while (!existsSync(join(folder.path, 'killed', `${tree}.tree.safetensors`))) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    child.kill('SIGKILL')
    expect((await ended).signal).toBe('SIGKILL')
    expect(readRunRecord(join(folder.path, 'killed')).status).toBe('running')
    await answer('steer', '--resume', 'killed')
    const bytes = (name: string) => readFileSync(join(folder.path, name, `${tree}.safetensors`))
    expect(bytes('killed').equals(bytes('whole-tree'))).toBe(true)
    expect(readRunRecord(join(folder.path, 'killed')).status).toBe('done')
  })

  it('hands over the best so far at Ctrl-C, and goes on later', async () => {
    const args = [...base, '--method', 'dts-star,best-of-n', '--budget', '100000', '--seeds', '0-9', '--out', 'stopped']
    const { child, ended } = start(args, folder.path)
    while (!existsSync(join(folder.path, 'stopped', 'events.jsonl'))) await new Promise((r) => setTimeout(r, 5))
    const events = () => readFileSync(join(folder.path, 'stopped', 'events.jsonl'), 'utf8')
    while (!events().includes('"best"')) await new Promise((resolve) => setTimeout(resolve, 5))
    child.kill('SIGINT')
    const { code, stdout, stderr } = await ended
    expect(code).toBe(0)
    expect(stderr).toBe('Stopping; what is done so far is kept. Ctrl-C again ends at once.\n')
    expect(stdout).toContain('dts-star')
    expect(readRunRecord(join(folder.path, 'stopped')).status).toBe('stopped')
    const more = await answer('steer', '--resume', 'stopped', '--budget', '400')
    expect(more.status).toBe('done')
    expect(more.runs).toHaveLength(20)
  })

  it('keeps what was found when a reward fails, and says why', async () => {
    writeFileSync(
      join(folder.path, 'late.mjs'),
      'let calls = 0\nexport function reward(samples) { return samples.map(() => (++calls > 20 ? NaN : calls)) }',
    )
    const { code, stderr } = await espalier([
      'steer',
      '--model',
      'world.json',
      '--reward',
      './late.mjs',
      '--steps',
      '5',
      '--budget',
      '500',
      '--width',
      '4',
      '--method',
      'dts-star',
      '--out',
      'late',
    ])
    expect(code).toBe(2)
    expect(stderr).toMatch(/^error: .*late\.mjs.* NaN .*what was found before is in late\)\n$/)
    expect(readRunRecord(join(folder.path, 'late')).status).toBe('failed')
    const kept = join(folder.path, 'late', 'searches', 'late-mjs-dts-star-seed-0.safetensors')
    expect(readSafetensors(readFileSync(kept)).tensors.samples.shape).toEqual([20, 2])
  })

  it.each([
    ['hangs', 'export const timeout = 50', '(++calls > 5 ? new Promise(() => {}) : [calls])', /no answer within 50 ms/],
    ['throws', '', '(++calls > 5 ? judge.none() : [calls])', /judge is not defined/],
    ['returns +Infinity', '', '[++calls > 5 ? Infinity : calls]', / returned Infinity for iteration 5;/],
    [
      'returns the wrong count',
      '',
      '(++calls > 5 ? [] : [calls])',
      / was given 1 samples and returned 0 numbers \(iteration 5\)/,
    ],
  ])('keeps the tree when a reward %s', async (what, exported, value, says) => {
    const name = what.replaceAll(/[^a-z]/g, '')
    const file = join(folder.path, `${name}.mjs`)
    writeFileSync(file, `${exported}\nlet calls = 0\nexport const reward = () => ${value}`)
    const options = [
      '--reward',
      `./${name}.mjs`,
      '--steps',
      '5',
      '--budget',
      '50',
      '--width',
      '1',
      '--method',
      'dts-star',
    ]
    const { code, stderr } = await espalier(['steer', '--model', 'world.json', ...options, '--out', name])
    expect(stderr).toMatch(/^error: [^\n]+\n$/)
    expect(stderr).toMatch(says)
    expect(code).toBe(2)
    const samples = () => {
      const kept = join(folder.path, name, 'searches', `${name}-mjs-dts-star-seed-0.safetensors`)
      return readSafetensors(readFileSync(kept)).tensors.samples.data
    }
    const before = samples()
    expect(before.length).toBe(2 * 5)
    const tree = join(folder.path, name, 'searches', `${name}-mjs-dts-star-seed-0.tree.safetensors`)
    expect(existsSync(tree)).toBe(true)
    if (what !== 'hangs') return
    writeFileSync(file, 'export const reward = (samples) => samples.map(({ data }) => data[0])')
    // A new process: modules are loaded once.
    const more = await run(['steer', '--resume', name, '--json'], folder.path)
    expect(more.stderr).toBe('')
    expect(JSON.parse(more.stdout).status).toBe('done')
    expect(samples().length).toBeGreaterThan(2 * 5)
    expect(samples().slice(0, 10)).toEqual(before)
  })

  it('is not left by a process that has nothing else to wait for', async () => {
    writeFileSync(
      join(folder.path, 'sleeps.mjs'),
      'export const timeout = 100\nexport const reward = () => new Promise(() => {})',
    )
    const args = ['steer', '--model', 'world.json', '--reward', './sleeps.mjs', '--steps', '5', '--budget', '50']
    const { code, stderr } = await run([...args, '--out', 'sleeps'], folder.path)
    expect(code).toBe(2)
    expect(stderr).toMatch(/^error: .*sleeps\.mjs.*no answer within 100 ms[^\n]*\n$/)
  })

  it('asks a server, and steers to rewards made of rewards', async () => {
    const server = createServer((request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part) => parts.push(part))
      request.on('end', () => {
        const { shape, data } = JSON.parse(Buffer.concat(parts).toString())
        const bytes = Buffer.from(data, 'base64')
        const rewards = Array.from({ length: shape[0] }, (_, i) => bytes.readFloatLE(8 * i))
        response.end(JSON.stringify({ rewards }))
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const rewards = ['--reward', url, '--reward', `constraint(near(2,0)>=-0.02,-${url})`]
    const options = ['--steps', '10', '--budget', '1000', '--method', 'best-of-n', '--out', 'asked']
    const { runs } = await answer('steer', '--model', 'world.json', ...rewards, ...options).finally(() =>
      server.close(),
    )
    expect(runs[0].best).toBeGreaterThan(2.2)
    // Within 0.2 of (2, 0), as far to the left as it goes.
    expect(runs[1].best).toBeLessThan(-1.8)
    expect(runs[1].best).toBeGreaterThan(-2)
    expect(readdirSync(join(folder.path, 'asked', 'searches')).length).toBe(4)
  })

  it('says why where a reward fails before anything was found', async () => {
    writeFileSync(join(folder.path, 'never.mjs'), 'export function reward() { throw new Error("no judge today") }')
    const args = ['steer', '--model', 'world.json', '--reward', './never.mjs', '--steps', '5', '--budget', '50']
    const { code, stderr } = await espalier([...args, '--out', 'never-found'])
    expect(code).toBe(2)
    expect(stderr).toMatch(/^error: .*never\.mjs.*no judge today[^\n]*\n$/)
    expect(readRunRecord(join(folder.path, 'never-found')).status).toBe('failed')
  })

  it('stops at a deadline', async () => {
    const result = await answer(
      ...base,
      '--budget',
      '10000000',
      '--method',
      'best-of-n',
      '--deadline',
      '0.30001',
      '--out',
      'due',
    )
    expect(result.status).toBe('stopped')
    expect(result.runs[0].candidates).toBeGreaterThan(0)
    const none = await answer(...base, '--deadline', '0', '--out', 'at-once')
    expect(none.status).toBe('stopped')
  })
})

describe('espalier demo', () => {
  it('steers the digits of the zoo with three methods, and shows them', async () => {
    const { code, stdout, stderr } = await espalier(['demo', '--budget', '60', '--seeds', '0,1', '--out', 'demo'])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/reward odds:8 .*2 seeds\n/)
    expect(stdout).toMatch(/greedy minus best-of-n +\S+ \[/)
    expect(stdout).toMatch(/dts-star\(alpha=0.5\) minus best-of-n +\S+ \[/)
    const sheet = decode(readFileSync(join(folder.path, 'demo', 'contact-sheet-odds-8.png')))
    expect(sheet.width).toBeGreaterThan(2 * 84)
    const page = readFileSync(join(folder.path, 'demo', 'report.html'), 'utf8')
    // Three methods, two seeds, two rewards: twelve pictures, each in the page itself.
    expect(page.match(/<img src="data:image\/png;base64,/g)).toHaveLength(12)
    const { runs } = readRunRecord(join(folder.path, 'demo')).result as { runs: { nfe: number }[] }
    expect(runs.map(({ nfe }) => nfe)).toEqual(new Array(12).fill(60))
  })
})

describe('espalier grad', () => {
  it('writes the gradient of a model', async () => {
    const result = await answer('grad', 'images/model.onnx', '--out', 'grad.onnx', '--wrt', 'x,blur')
    expect(result.outputs.map((v: { name: string }) => v.name)).toEqual(['grad_x', 'grad_blur'])
    const { graph } = readModel(new Uint8Array(readFileSync(join(folder.path, 'grad.onnx'))))
    expect(graph.inputs.map((v) => v.name)).toEqual(['x', 't', 'label', 'grad_y'])
  })
})

describe('espalier doctor', () => {
  it('finds that the machine can do the work', async () => {
    const { stdout } = await espalier(['doctor', '--json'])
    const { findings } = JSON.parse(stdout) as { findings: { check: string; ok: boolean }[] }
    for (const check of ['node', 'network runtime', 'gradients', 'pictures', 'working folder']) {
      expect(findings.find((finding) => finding.check === check)).toMatchObject({ ok: true })
    }
    expect(readdirSync(folder.path).filter((name) => name.includes('doctor'))).toEqual([])
  })
})
