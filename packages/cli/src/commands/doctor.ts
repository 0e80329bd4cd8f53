import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { GraphBuilder, vjp, writeModel } from '@espalier/graph'
import { Command } from 'commander'
import { nodeRuntime, writeFileAtomic } from 'espalier/node'
import { loadDenoiser, type Runtime } from 'espalier/runtime'
import { loadEnergy, loadTokenClassReward, loadTokenDenoiser, stackTokens, type TokenCard } from 'espalier/text'
import { isTextCard, parseCard } from '../card.ts'
import { messageOf } from '../errors.ts'
import { blankConditions } from '../model.ts'
import { machineClass } from '../run-folder.ts'
import { readTokenizer } from '../text-model.ts'
import { versions } from '../versions.ts'
import { zooFolder } from '../zoo.ts'

interface Finding {
  readonly check: string
  readonly ok: boolean
  /** What was found, or what to do. */
  readonly detail: string
}

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('Checks that everything is in place: Node, the network runtime, the zoo, the working folder.')
    .option('--json', 'print the findings as JSON', false)
    .addHelpText(
      'after',
      `
Exit code 1 where something is wrong; the line says what to do.

Examples:
  espalier doctor
  espalier doctor --json`,
    )
    .action(async ({ json }: { json: boolean }) => {
      const findings = await examine()
      if (json) process.stdout.write(`${JSON.stringify({ ok: findings.every((f) => f.ok), findings })}\n`)
      else
        for (const { ok, check, detail } of findings)
          process.stdout.write(`${ok ? 'ok    ' : 'FAILED'}  ${check}: ${detail}\n`)
      if (findings.some((finding) => !finding.ok)) process.exitCode = 1
    })
}

/** Runs every check; none stops another. */
export async function examine(models = zooFolder()): Promise<Finding[]> {
  return [
    await check('node', nodeVersion),
    await check('machine', () => machineClass()),
    await check('versions', () => {
      const { node: _, ...ours } = versions()
      return Object.entries(ours)
        .map((pair) => pair.join(' '))
        .join(', ')
    }),
    await check('network runtime', runsGraphs),
    await check('gradients', differentiates),
    await check('pictures', drawsText),
    await check('working folder', writable),
    ...(await zoo(models)),
  ]
}

async function check(name: string, body: () => string | Promise<string>): Promise<Finding> {
  try {
    return { check: name, ok: true, detail: await body() }
  } catch (error) {
    return { check: name, ok: false, detail: messageOf(error) }
  }
}

function nodeVersion(): string {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return process.versions.node
  throw new Error(`${process.versions.node} is too old; install Node 20.19 or newer`)
}

/** `y = x^2 + 1`. */
function parabola() {
  const b = new GraphBuilder({ name: 'parabola' })
  const x = b.input('x', ['n'])
  b.output('y', x.mul(x).add(1))
  return b.build()
}

async function runsGraphs(): Promise<string> {
  const y = await runOnce(writeModel(parabola()), { x: 3 }, 'y')
  if (y !== 10) throw new Error(`3^2 + 1 came out as ${y}; reinstall onnxruntime-node`)
  return 'a graph ran in a worker thread'
}

async function differentiates(): Promise<string> {
  const g = await runOnce(writeModel(vjp(parabola())), { x: 3, grad_y: 1 }, 'grad_x')
  if (g !== 6) throw new Error(`the derivative of x^2 + 1 at 3 came out as ${g}`)
  return 'the gradient of a graph ran as a graph'
}

async function runOnce(model: Uint8Array, feeds: Record<string, number>, output: string): Promise<number> {
  const runtime = nodeRuntime()
  try {
    const session = await runtime.load(model)
    const tensors = Object.entries(feeds).map(([name, v]) => [name, { shape: [1], data: Float32Array.of(v) }] as const)
    return Number((await session.run(Object.fromEntries(tensors)))[output].data[0])
  } finally {
    await runtime.close()
  }
}

async function drawsText(): Promise<string> {
  const { svgToPng } = await import('../report/raster.ts')
  const svg = (text: string) =>
    `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><text y="15">${text}</text></svg>`
  const [words, nothing] = [svgToPng(svg('ok')), svgToPng(svg(''))]
  if (Buffer.compare(words, nothing) === 0) throw new Error('text stays invisible; reinstall dejavu-fonts-ttf')
  return 'plots become PNG, with text'
}

function writable(): string {
  const folder = mkdtempSync('.espalier-doctor-')
  try {
    writeFileAtomic(join(folder, 'probe'), 'probe')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return 'can be written'
}

async function zoo(folder: string): Promise<Finding[]> {
  const names = existsSync(folder) ? readdirSync(folder).sort() : []
  if (names.length === 0) {
    const detail = 'no model is installed; train one with: espalier train mnist'
    return [{ check: 'zoo', ok: false, detail }]
  }
  return Promise.all(names.map((name) => check(`zoo model ${name}`, () => zooModel(join(folder, name)))))
}

/** Reads card and graph, compares the hash with the card's, loads the graph and asks it for one row. */
async function zooModel(folder: string): Promise<string> {
  const card = parseCard(JSON.parse(readFileSync(join(folder, 'card.json'), 'utf8')), 'card.json')
  if (card.type === 'gaussian-mixture') return 'an analytic world'
  const bytes = new Uint8Array(readFileSync(join(folder, 'model.onnx')))
  const hash = createHash('sha256').update(bytes).digest('hex')
  const stated = card.training?.sha256
  if (stated !== undefined && stated !== hash) {
    throw new Error(
      `model.onnx is not the file that its card describes (SHA-256 ${hash.slice(0, 12)}...); check it out again`,
    )
  }
  const matches = stated === undefined ? '' : ', hash matches its card'
  const runtime = nodeRuntime()
  try {
    if (isTextCard(card)) {
      const { vocabulary } = readTokenizer(folder, card, 'its tokenizer')
      await askText(runtime, bytes, card)
      return `${sizeOf(bytes)}, text of ${vocabulary} tokens, runs${matches}`
    }
    const data = new Float32Array(card.event.reduce((product, n) => product * n, 1))
    const x = { shape: [1, ...card.event], data }
    if (card.type === 'network')
      await (await loadDenoiser(runtime, bytes, card)).predict(x, Float64Array.of(0.5), 'data', blankConditions(card))
    else {
      const time = card.noisy && { [card.noisy.time]: { shape: [1], data: Float32Array.of(0.5) } }
      await (await runtime.load(bytes)).run({ [card.input]: x, ...time })
    }
  } finally {
    await runtime.close()
  }
  return `${sizeOf(bytes)}, runs${matches}`
}

/** Asks a network over tokens for one sequence of two. */
async function askText(runtime: Runtime, bytes: Uint8Array, card: TokenCard): Promise<void> {
  const tokens = stackTokens([new Int32Array(Math.min(2, card.context))])
  if (card.type === 'masked') {
    await (await loadTokenDenoiser(runtime, bytes, card)).predict(tokens, Float64Array.of(0.5))
  } else if (card.type === 'token-classifier') {
    const reward = await loadTokenClassReward(runtime, bytes, card, card.classes[0])
    await reward.evaluate([{ tokens: tokens.data }])
  } else {
    const energy = await loadEnergy(runtime, bytes, card)
    await energy.logWeights(tokens, tokens, card.vocabulary, new Float64Array(1), Float64Array.of(0.5))
  }
}

const sizeOf = (bytes: Uint8Array) => `${(bytes.length / 1e6).toFixed(1)} MB`
