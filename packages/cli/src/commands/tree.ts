import { Command, InvalidArgumentError } from 'commander'
import { readOuts } from 'espalier/search'
import { integer, oneOf } from '../options.ts'
import type { ExportOptions, InspectOptions, SampleOptions } from '../run-tree.ts'

export function treeCommand(): Command {
  const inspect = new Command('inspect')
    .description('Shows nodes, visits and values by depth, the best path, and memory.')
    .argument('<tree>', 'a .tree.safetensors file, or the folder of a run')
    .option('--json', 'print it as JSON', false)
    .action(async (tree: string, options: InspectOptions) => {
      const { inspectTree } = await import('../run-tree.ts')
      await inspectTree(tree, options)
    })
  const exported = new Command('export')
    .description('Writes the nodes as JSON or CSV, and states as .npy.')
    .argument('<tree>', 'a .tree.safetensors file, or the folder of a run')
    .option('--nodes <file>', 'all nodes without their states: .json or .csv', ending('json', 'csv'))
    .option('--states <file>', 'states as .npy, one row a node; of text as .json too', ending('npy', 'json'))
    .option('--of <which>', 'whose states: leaves, best or selected (a path from the top), or a node number', which)
    .action(async (tree: string, options: ExportOptions) => {
      const { exportTree } = await import('../run-tree.ts')
      await exportTree(tree, options)
    })
  const sample = new Command('sample')
    .description('Draws more samples from a finished tree: no network is called.')
    .argument('<tree>', 'a .tree.safetensors file, or the folder of a run')
    .option('-n, --count <n>', 'how many (default: 16)', integer(1))
    .option('--seed <n>', 'seed of the draws', integer(0), 1)
    .option(
      '--read-out <which>',
      'values: child by child ~ softmax(lambda v); argmax: the one leaf of the largest values; weighted: exact weights ' +
        '(default: weighted where the tree was grown for it, else values)',
      oneOf(readOuts),
    )
    .option('--weighted', 'short for --read-out weighted', false)
    .option('--out <file>', 'where samples go: .npy or .png; texts .json or .txt', ending('npy', 'png', 'json', 'txt'))
    .option('--json', 'print leaves and rewards as JSON', false)
    .action(async (tree: string, options: SampleOptions) => {
      const { sampleTree } = await import('../run-tree.ts')
      await sampleTree(tree, options)
    })
  const tree = new Command('tree').description('Looks into the trees of espalier steer, and draws from them.')
  for (const command of [inspect, exported, sample]) tree.addCommand(command)
  tree.action(() => tree.outputHelp())
  return tree.addHelpText(
    'after',
    `
A search with dts or dts-star leaves its tree in searches/*.tree.safetensors of its run: every node with its value,
visits and state. Samples are drawn from it again and again without a network, each a leaf that the search has found.

Examples:
  espalier tree inspect runs/steer-2026-01-31-12-00-00
  espalier tree sample runs/steer-2026-01-31-12-00-00 -n 64 --seed 2 --out more.png
  espalier tree sample searches/matches-love-dts-seed-0.tree.safetensors -n 8 --out texts.json
  espalier tree export searches/class-7-dts-seed-0.tree.safetensors --nodes nodes.csv --states path.npy --of best`,
  )
}

/** A file name with one of these endings. */
function ending(...known: [string, string, ...string[]]): (text: string) => string {
  return (text) => {
    if (known.some((name) => text.endsWith(`.${name}`))) return text
    const [last, ...others] = known.map((name) => `.${name}`).reverse()
    throw new InvalidArgumentError(`A file that ends in ${others.reverse().join(', ')} or ${last} is needed.`)
  }
}

function which(text: string): 'leaves' | 'best' | 'selected' | number {
  return text === 'leaves' || text === 'best' || text === 'selected' ? text : integer(0)(text)
}
