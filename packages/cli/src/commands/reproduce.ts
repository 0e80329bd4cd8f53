import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Command } from 'commander'
import { writeFileAtomic } from 'espalier/node'
import { UserError } from '../errors.ts'
import { seeds } from '../options.ts'
import { progressLine } from '../progress.ts'
import { formatDuration } from '../report/table.ts'
import { RunFolder } from '../run-folder.ts'
import { shellLine } from '../shell-line.ts'

/** What the index of a folder under `reproduce/` exports. */
interface Reproduction {
  run(options: {
    quick?: boolean
    seeds?: readonly number[]
    onProgress?: (done: number, what: string) => void
  }): Promise<Result>
  figures(result: Result): Readonly<Record<string, string | Uint8Array>>
  report(result: Result): string
}

interface Result {
  readonly verdict: string
  readonly seeds: readonly number[]
}

interface ReproduceOptions {
  readonly quick: boolean
  readonly seeds?: number[]
  readonly out?: string
  readonly update: boolean
  readonly json: boolean
}

export function reproduceCommand(): Command {
  return new Command('reproduce')
    .description("Re-runs a paper's claim at laptop scale; without a name, lists what there is.")
    .argument('[paper]', 'such as dts')
    .option('--quick', 'the direction in under two minutes', false)
    .option('--seeds <list>', 'such as 0-9', seeds)
    .option('--out <folder>', 'where result.json and the figures go (default: runs/reproduce-<time>)')
    .option('--update', 'replace the files in reproduce/<paper>', false)
    .option('--json', 'print the result as JSON', false)
    .addHelpText(
      'after',
      `
Examples:
  espalier reproduce
  espalier reproduce dts --quick
  espalier reproduce dts --update`,
    )
    .action(reproduce)
}

async function reproduce(paper: string | undefined, options: ReproduceOptions): Promise<void> {
  const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', '..', 'reproduce')
  const papers = existsSync(root) ? readdirSync(root).filter((name) => existsSync(join(root, name, 'index.ts'))) : []
  if (papers.length === 0)
    throw new UserError('reproductions live in the repository; run this in a checkout of Espalier')
  if (paper === undefined) {
    process.stdout.write(`${papers.map((name) => `espalier reproduce ${name}`).join('\n')}\n`)
    return
  }
  if (!papers.includes(paper))
    throw new UserError(`there is no reproduction "${paper}"; there are ${papers.join(', ')}`)
  const built = join(root, 'dist', paper, 'index.js')
  if (!existsSync(built)) throw new UserError(`reproduce/${paper} is not built yet; run: npm run build`)
  const { run, figures, report } = (await import(pathToFileURL(built).href)) as Reproduction

  const { quick, update, json } = options
  const settings = { quick, seeds: options.seeds }
  const folder = RunFolder.create({
    command: 'reproduce',
    out: options.out,
    line: shellLine(`reproduce ${paper}`, settings),
    configuration: { paper, ...settings },
    seeds: options.seeds ?? [],
  })
  const progress = progressLine()
  const began = performance.now()
  try {
    await folder.during(async () => {
      const result = await run({
        ...settings,
        onProgress: (done, what) =>
          progress.show(() => {
            const left = ((performance.now() - began) / 1000) * (1 / Math.max(done, 1e-6) - 1)
            return `${paper}  ${Math.floor(100 * done)}%  ${what}  ${formatDuration(left)} left`
          }),
      })
      progress.clear()
      const files = { 'result.json': `${JSON.stringify(result, null, 2)}\n`, ...figures(result) }
      for (const [name, content] of Object.entries(files)) {
        folder.write(name, content)
        if (update) writeFileAtomic(join(root, paper, name), content)
      }
      if (json) process.stdout.write(`${JSON.stringify(result)}\n`)
      else process.stdout.write(`${report(result)}\n${update ? join(root, paper) : folder.path}\n`)
      return { status: 'done' as const, verdict: result.verdict, files: Object.keys(files) }
    })
  } finally {
    progress.clear()
  }
}
