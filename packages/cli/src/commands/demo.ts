import { Command } from 'commander'
import { integer, seeds } from '../options.ts'
import { defaultSettings, type SteerSettings } from '../steering.ts'

/** The main job: 360 000 NFE in all, sized for about three minutes on two idle cores. */
const preset = {
  ...defaultSettings,
  model: 'mnist',
  rewards: ['odds:8', '-jpeg'],
  methods: ['greedy', 'dts-star(alpha=0.5)', 'best-of-n'],
  budget: 6000,
  seeds: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  steps: 20,
} as const satisfies SteerSettings

interface DemoOptions {
  readonly model: string
  readonly budget: number
  readonly seeds: number[]
  readonly out?: string
  readonly json: boolean
}

export function demoCommand(): Command {
  return new Command('demo')
    .description('Watch greedy islands, DTS* and best-of-N steer the digit model at the same budget, with pictures.')
    .option('--model <model>', 'another image model', preset.model)
    .option('--budget <nfe>', 'network evaluations per search', integer(1), preset.budget)
    .option('--seeds <list>', 'seeds', seeds, [...preset.seeds])
    .option('--out <folder>', 'where the run goes (default: runs/demo-<time>)')
    .option('--json', 'print one JSON result on stdout', false)
    .addHelpText(
      'after',
      `
Two rewards, ${preset.rewards.join(' and ')}: the first is how sure a classifier is of a digit (the log-odds of its probability), the
second how small the image is as JPEG, which has no gradient. The searches see nothing of a reward but its value, at
finished samples and (greedy islands) at those that the network expects on the way. The report tells the settings, and
the line that repeats the run with espalier steer.

Examples:
  espalier demo
  espalier demo --seeds 0-3 --budget 20000`,
    )
    .action(async ({ out, json, ...given }: DemoOptions) => {
      const { runSteer } = await import('../run-steer.ts')
      await runSteer({ command: 'demo', settings: { ...preset, ...given }, out, json, checkpointEvery: 10 })
    })
}
