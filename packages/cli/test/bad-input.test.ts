import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GraphBuilder, writeModel } from '@espalier/graph'
import { writeNpy } from 'espalier/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { run, scratch, session, writeImageModel } from './cli.ts'

const folder = scratch()
const espalier = session(folder)
const file = (name: string, content: string | Uint8Array) => writeFileSync(join(folder.path, name), content)

beforeAll(() => {
  file('broken.json', '{ "type": "gaussian-mixture", ')
  file('other.json', '{ "type": "gan" }')
  file('ragged.json', '{ "type": "gaussian-mixture", "means": [[0, 0], [1]], "stds": [1, 1] }')
  file('line.json', '{ "type": "gaussian-mixture", "means": [[0]], "stds": [1] }')
  mkdirSync(join(folder.path, 'empty'))
  mkdirSync(join(folder.path, 'full'))
  file('full/precious.txt', 'keep me')
  file('note.txt', 'not a folder')
  file('no-reward.mjs', 'export const score = () => 1')
  file('broken.mjs', 'export function reward( {')
  file('plan.json', '{ "type": "plan" }')
  const here = { states: [1], predictions: [] }
  const stage = { step: 0, time: 1, ask: here, states: [1], predictions: [1], noise: 0 }
  const plan = { type: 'plan', name: 'p', process: 'vp-linear(0.1,20)', target: 'data', grid: [1, 0], stages: [stage] }
  file('extra.json', JSON.stringify({ ...plan, spell: 1 }))
  file('infinite.json', JSON.stringify(plan).replace('"noise":0', '"noise":1e999'))
  file('future.json', JSON.stringify({ ...plan, stages: [{ ...stage, predictions: [1, 1] }] }))
  file('foreign.json', JSON.stringify({ ...plan, process: 'flow(1)' }))
  file('scheduler.json', '{ "_class_name": "MagicScheduler" }')
  file('euler.json', '{ "_class_name": "EulerDiscreteScheduler" }')
  file('noise.npy', writeNpy({ shape: [2, 2], data: new Float32Array(4) }))
  file('line.npy', writeNpy({ shape: [3], data: new Float32Array(3) }))

  const network = readFileSync(join(folder.path, 'images', 'model.onnx'))
  const damaged = (name: string, bytes: Uint8Array) => {
    cpSync(join(folder.path, 'images'), join(folder.path, name), { recursive: true })
    file(`${name}/model.onnx`, bytes)
  }
  damaged('truncated', network.subarray(0, network.length >> 1))
  damaged(
    'random',
    Uint8Array.from({ length: 5000 }, (_, i) => (i * 2654435761) >>> 24),
  )
  mkdirSync(join(folder.path, 'graphless'))
  cpSync(join(folder.path, 'images', 'card.json'), join(folder.path, 'graphless', 'card.json'))
  writeImageModel(join(folder.path, 'flat'), { event: [64] })
  writeImageModel(join(folder.path, 'misnamed'), { output: 'prediction' })
  writeImageModel(join(folder.path, 'classless'), { classes: undefined })

  const b = new GraphBuilder()
  b.output('y', b.input('x', [4]).sin())
  const model = b.build()
  const nodes = model.graph.nodes.map((node) => ({ ...node, op: 'Sorcery' }))
  file('no-rule.onnx', writeModel({ ...model, graph: { ...model.graph, nodes } }))
})

const sample = ['sample', '--model', 'world.json', '--count', '4']
const compare = ['compare', '--model', 'world.json', '--solvers']
const steer = ['steer', '--model', 'world.json', '--reward', 'near:0,0']

/** A call that cannot work, and what its one line must name. */
const calls: [string, string[], RegExp][] = [
  ['an unknown command', ['smaple'], /unknown command 'smaple'.*sample/],
  ['an unknown option', [...sample, '--step', '5'], /unknown option '--step'.*--steps/],
  ['a missing option', ['sample'], /--model <model>' not specified/],
  ['a model that does not exist', ['sample', '--model', 'nope'], /--model nope: no such model/],
  ['a folder that is no model', ['sample', '--model', 'empty'], /no card\.json \(it holds nothing\)/],
  ['a world that is not JSON', ['sample', '--model', 'broken.json'], /broken\.json is not JSON/],
  ['a card of an unknown type', ['sample', '--model', 'other.json'], /other\.json.*type/],
  ['a world whose means differ in length', ['sample', '--model', 'ragged.json'], /mean 1 has 1 numbers/],
  ['a bare network', ['sample', '--model', 'images/model.onnx'], /folder with a card\.json/],
  ['a card without its network', ['sample', '--model', 'graphless'], /model\.onnx is missing/],
  ['a truncated network', ['sample', '--model', 'truncated'], /--model truncated: /],
  ['random bytes as a network', ['sample', '--model', 'random'], /--model random: /],
  ['a network of another rank than its card', ['sample', '--model', 'flat'], /--model flat: .*(rank|dimension|shape)/i],
  ['a card that names a missing output', ['sample', '--model', 'misnamed'], /no output "prediction"/],
  ['a negative count', [...sample.slice(0, 3), '--count', '-3'], /'-3' is invalid.*from 1 on/],
  ['steps that are no number', [...sample, '--steps', 'many'], /'many' is invalid/],
  ['an eta beyond 1', [...sample, '--eta', '2'], /between 0 and 1/],
  ['an unknown solver', [...sample, '--solver', 'magic'], /ddim, ddpm/],
  ['an unknown grid', [...sample, '--grid', 'magic'], /karras/],
  ['a damaged plan', [...sample, '--plan', 'plan.json'], /--plan plan\.json: plan\.name/],
  ['a plan that is not there', [...sample, '--plan', 'nope.json'], /--plan nope\.json: no such file/],
  ['a plan with unknown fields', [...sample, '--plan', 'extra.json'], /--plan extra\.json: plan: .*"spell"/],
  ['a plan with a number that is none', [...sample, '--plan', 'infinite.json'], /plan\.stages\[0\]/],
  ['a plan that reads the future', [...sample, '--plan', 'future.json'], /stages\[0\].*reads 2 predictions/],
  ['a plan of another process', [...sample, '--plan', 'foreign.json'], /is for the process flow.*has vp-linear/],
  ['a plan and a solver', [...sample, '--plan', 'extra.json', '--solver', 'heun'], /--solver is fixed by --plan/],
  ['a plan and steps', ['plan', 'show', '--plan', 'extra.json', '--steps', '5'], /--steps is fixed by --plan/],
  [
    'a scheduler and a grid',
    [...sample, '--scheduler', 'x.json', '--grid', 'karras'],
    /--grid is fixed by --scheduler/,
  ],
  ['noise of a scheduler that takes none', [...sample, '--scheduler', 'euler.json', '--eta', '1'], /takes no eta/],
  ['rescaling of no guidance', [...sample, '--guidance-rescale', '0.7'], /give a --guidance other than 1/],
  ['more samples than noise', [...sample, '--start', 'noise.npy'], /--count 4: --start noise\.npy has noise for 2/],
  ['a judge of a world', [...compare, 'ddim', '--nfe', '5', '--fid'], /--fid: the zoo .*not for world\.json/],
  [
    'a comparison that needs a condition',
    ['compare', '--model', 'restore', '--solvers', 'ddim', '--nfe', '5'],
    /needs the condition "degraded"; give it with --condition/,
  ],
  ['a plan and a scheduler', [...sample, '--plan', 'extra.json', '--scheduler', 'x.json'], /both given/],
  ['an option that a solver has not', [...sample, '--solver', 'ddim(speed=3)'], /"speed"/],
  ['a wrapper around nothing', [...sample, '--solver', 'dualfast'], /base=/],
  ['an eta of another solver', [...sample, '--solver', 'ddpm', '--eta', '1'], /--eta is an option of ddim/],
  [
    'an unknown scheduler',
    [...sample, '--scheduler', 'scheduler.json'],
    /--scheduler scheduler\.json: .*MagicScheduler/,
  ],
  ['noise that is no array', [...sample, '--start', 'note.txt'], /--start note\.txt: .*no \.npy file/],
  ['noise of another shape', [...sample, '--start', 'line.npy'], /\[3\]; world\.json starts from \[n, 2\]/],
  ['thresholds of a world', [...sample, '--threshold', 'static'], /--threshold needs data in a range/],
  ['a threshold that is none', [...sample, '--threshold', 'static:2'], /dynamic:<quantile>/],
  ['a guidance interval that is none', [...sample, '--guidance-interval', '0.8,0.2'], /low,high/],
  ['a condition that is missing', ['sample', '--model', 'restore'], /needs the condition "degraded"/],
  ['a condition of a world', [...sample, '--condition', 'a=line.npy'], /has no condition "a"; it has none/],
  [
    'a condition of another shape',
    ['sample', '--model', 'restore', '--condition', 'degraded=line.npy'],
    /\[3\]; restore takes \[n, 1, 8, 8\]/,
  ],
  ['a condition that is not there', ['sample', '--model', 'restore', '--condition', 'degraded=no.npy'], /no such file/],
  ['a shift without a scheduler', [...sample, '--mu', '1'], /of a --scheduler, and none was given/],
  ['a comparison of nothing', ['compare', '--model', 'world.json'], /one of --solvers and --methods/],
  ['a comparison without a budget', [...compare, 'ddim'], /one of --steps and --nfe/],
  ['a comparison of an unknown solver', [...compare, 'ddim,magic'], /no solver "magic"/],
  ['a comparison with a gap', [...compare, 'ddim,,ddpm'], /no solver ""/],
  [
    'a judge that there is not',
    ['compare', '--model', 'images', '--solvers', 'ddim', '--nfe', '5', '--fid'],
    /--fid: the zoo/,
  ],
  ['an analysis of an unknown process', ['plan', 'analyse', '--process', 'magic'], /--process magic: /],
  ['a class of a world', [...sample, '--class', '3'], /takes no class/],
  ['an unknown class', ['sample', '--model', 'images', '--class', 'red'], /knows dark, grey, light/],
  ['a class without names', ['sample', '--model', 'classless', '--class', 'dark'], /takes no class/],
  [
    'guidance without a class',
    ['sample', '--model', 'images', '--class', 'none', '--guidance', '2'],
    /strengthens a class, and there is none/,
  ],
  ['a folder that holds something', [...sample, '--out', 'full'], /--out full: the folder is not empty/],
  ['a folder below a file', [...sample, '--out', 'note.txt/run'], /--out note\.txt\/run: .*cannot be written/],
  ['a folder that cannot be written', [...sample, '--out', '/proc/run'], /--out \/proc\/run: .*cannot be written/],

  ['no reward', ['steer', '--model', 'world.json'], /--reward is missing/],
  [
    'an unknown reward',
    [...steer.slice(0, 3), '--reward', 'beauty'],
    /there is no reward "beauty"; there are class:<label>/,
  ],
  [
    'an unknown reward within another',
    [...steer.slice(0, 3), '--reward', 'min(near(0,0),beauty)'],
    /--reward min\(near\(0,0\),beauty\): there is no reward "beauty"/,
  ],
  ['open parentheses', [...steer.slice(0, 3), '--reward', 'sum(near(0,0)'], /the parentheses of .* do not match/],
  ['a bound that is no number', [...steer.slice(0, 3), '--reward', 'clip(near(0,0),a,1)'], /number where "a" stands/],
  ['an address that is none', [...steer.slice(0, 3), '--reward', 'http://'], /written http:\/\/\.\.\. or https/],
  ['ink of points', [...steer.slice(0, 3), '--reward', 'ink(target=0.2)'], /ink needs images; .*makes \[2\]/],
  ['a point of another dimension', [...steer.slice(0, 3), '--reward', 'near:1'], /2 numbers/],
  ['JPEG of points', [...steer.slice(0, 3), '--reward', 'jpeg'], /needs images; .*makes \[2\]/],
  ['a class reward of points', [...steer.slice(0, 3), '--reward', 'class:7'], /no classifier of \[2\]/],
  [
    'a diffusion model as classifier',
    ['steer', '--model', 'images', '--reward', 'class:dark', '--classifier', 'images'],
    /a classifier is needed/,
  ],
  ['a reward file that is not there', [...steer.slice(0, 3), '--reward', './nope.mjs'], /no such file/],
  [
    'a reward file without a reward',
    [...steer.slice(0, 3), '--reward', './no-reward.mjs'],
    /exports score; a function named "reward"/,
  ],
  ['a reward file with a mistake', [...steer.slice(0, 3), '--reward', './broken.mjs'], /cannot be loaded/],
  [
    'an unknown method',
    [...steer, '--method', 'dts-star,luck'],
    /no search "luck"; there are greedy, forest, dts-star, dts, best-of-n, importance/,
  ],
  ['a negative budget', [...steer, '--budget', '-5'], /'-5' is invalid.*from 1 on/],
  ['a budget below one sample', [...steer, '--budget', '10', '--steps', '50'], /less than one sample of 50 NFE/],
  [
    'a budget below one population',
    [...steer, '--budget', '30', '--steps', '10', '--method', 'svdd'],
    /--method svdd: a budget of 30 NFE is less than the smallest population/,
  ],
  [
    'a budget below the intervals of RBF',
    [...steer, '--budget', '30', '--steps', '10', '--method', 'greedy,rbf'],
    /--method rbf: a budget of 30 NFE is less than 2 chains/,
  ],
  [
    'options of a method that exclude each other',
    [...steer, '--method', 'svdd(weighted=true)'],
    /--method svdd\(weighted=true\): weighted svdd needs/,
  ],
  ['paths of one level', [...steer, '--steps', '1', '--method', 'paths'], /--method paths: .*this chain has 1/],
  ['a deadline beyond all timers', [...steer, '--deadline', '1e12'], /between 0 and 2000000/],
  ['a negative lambda', [...steer, '--lambda', '-1'], /from 0 on/],
  ['one seed and several', [...steer, '--seed', '1', '--seeds', '0-3'], /--seed and --seeds/],
  ['seeds that run backwards', [...steer, '--seeds', '5-2'], /Seeds are needed as/],
  ['branches that grow', [...steer, '--branch', '10,50'], /branchAt/],
  ['a tree without noise to branch at', [...steer, '--solver', 'ddim', '--branch', '50,20'], /no noise/],
  ['a gradient that is not there', [...steer.slice(0, 3), '--reward', './slow.mjs', '--method', 'tds'], /no such file/],
  ['searches without a reward', ['compare', '--model', 'world.json', '--methods', 'dts'], /search for a --reward/],
  [
    'searches without budgets',
    ['compare', '--model', 'world.json', '--methods', 'dts', '--reward', 'near:0,0'],
    /need --budgets/,
  ],
  ['a reward of solvers', [...compare, 'ddim', '--steps', '5', '--reward', 'near:0,0'], /go with --methods/],
  ['a run that is not there', ['steer', '--resume', 'empty'], /no run\.json/],

  ['a gradient of nothing', ['grad', 'nope.onnx'], /nope\.onnx: no such file/],
  ['a gradient of a truncated model', ['grad', 'truncated/model.onnx'], /truncated\/model\.onnx: /],
  ['a gradient of random bytes', ['grad', 'random/model.onnx'], /random\/model\.onnx: /],
  ['a gradient by an unknown input', ['grad', 'images/model.onnx', '--wrt', 'z'], /"z" is neither an input nor/],
  ['a gradient of an operator without a rule', ['grad', 'no-rule.onnx'], /no-rule\.onnx: .*Sorcery/],
  ['a gradient over its own model', ['grad', 'images/model.onnx', '--out', 'images/model.onnx'], /is the model itself/],
  [
    'a gradient into a missing folder',
    ['grad', 'images/model.onnx', '--out', 'nowhere/g.onnx'],
    /--out nowhere\/g\.onnx: /,
  ],
  ['a shape that is none', ['grad', 'images/model.onnx', '--shape', 'x'], /such as x=n,3,224,224/],

  ['an unknown recipe', ['train', 'imagenet'], /no recipe "imagenet"; there are mnist/],
  ['a training run that is not there', ['train', 'mnist', '--resume', 'empty'], /no run to continue/],
  ['a training folder with other things', ['train', 'mnist', '--out', 'full'], /not empty/],
  ['an unknown paper', ['reproduce', 'nope'], /no reproduction "nope"|checkout of Espalier/],
]

describe('bad input ends with exit code 2, one line, and nothing written:', () => {
  it.each(calls)('%s', async (_, args, line) => {
    const before = listing()
    const takesOut =
      ['sample', 'steer', 'compare'].includes(args[0]) && !args.includes('--out') && !args.includes('--resume')
    const { code, stdout, stderr } = await espalier(takesOut ? [...args, '--out', 'never'] : args)
    expect(stderr).toMatch(/^error: [^\n]+\n$/)
    expect(stderr).toMatch(line)
    expect(stderr).not.toMatch(/internal|\[object/)
    expect(stdout).toBe('')
    expect(code).toBe(2)
    expect(listing()).toEqual(before)
    expect(existsSync(join(folder.path, 'never'))).toBe(false)
  })

  it('also where a data set is not installed', async () => {
    const { code, stdout, stderr } = await run(
      ['compare', '--model', 'fashion', '--solvers', 'ddim', '--nfe', '5', '--fid', '--out', 'never'],
      folder.path,
      { ESPALIER_FASHION_MNIST: join(folder.path, 'empty') },
    )
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(
      /^error: Fashion-MNIST is not installed: [^\n]*apt-get install dataset-fashion-mnist[^\n]*\n$/,
    )
    expect(existsSync(join(folder.path, 'never'))).toBe(false)
  })

  it('as the whole process tells it', async () => {
    const { code, stdout, stderr } = await run(['sample', '--model', 'nope'], folder.path)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(/^error: --model nope: no such model[^\n]*\n$/)
  })

  it('a continued run cannot change what it searches for', async () => {
    const first = await espalier([...steer, '--method', 'dts-star', '--steps', '5', '--budget', '50', '--out', 'fixed'])
    expect(first.code).toBe(0)
    const { code, stderr } = await espalier(['steer', '--resume', 'fixed', '--steps', '9'])
    expect([code, stderr]).toEqual([
      2,
      'error: --steps cannot change when a run goes on; start a new run, or leave it out\n',
    ])
    file('fixed/searches/near-0-0-dts-star-seed-0.tree.safetensors', 'damaged')
    const broken = await espalier(['steer', '--resume', 'fixed', '--budget', '100'])
    expect(broken.code).toBe(2)
    expect(broken.stderr).toMatch(/^error: .*tree\.safetensors: not a readable safetensors file[^\n]*\n$/)
  })
})

function listing(): string[] {
  return (readdirSync(folder.path, { recursive: true }) as string[]).sort()
}
