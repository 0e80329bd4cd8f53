import { Command } from 'commander'
import type { PlanSettings } from '../run-plan.ts'
import { samplerHelp, withSamplerOptions } from '../sampler.ts'

interface PlanOptions extends PlanSettings {
  readonly save?: string
  readonly plot?: string
  readonly json: boolean
}

export function planCommand(): Command {
  const options = (command: Command) =>
    withSamplerOptions(command)
      .option('--plan <file>', 'a solver table as JSON, instead of --solver, --steps and --grid')
      .option('--process <process>', 'a type such as vp-linear, or a process as JSON (default: vp-cosine)')
  const show = options(new Command('show').description('Prints a solver table; --save keeps it as JSON.'))
    .option('--save <file>', 'write the table as JSON')
    .option('--json', 'print the table as JSON', false)
    .action(async ({ save, json, ...settings }: PlanOptions) => {
      const { showPlan } = await import('../run-plan.ts')
      await showPlan(settings, { save, json })
    })
  const analyse = options(new Command('analyse').description('Computes order, stability and moments from a table.'))
    .option('--plot <file>', 'write the stability region as SVG')
    .option('--json', 'print the analysis as JSON', false)
    .action(async ({ plot, json, ...settings }: PlanOptions) => {
      const { analysePlan } = await import('../run-plan.ts')
      await analysePlan(settings, { plot, json })
    })
  const schema = new Command('schema').description('Prints the JSON schema of a table.').action(async () => {
    const { printPlanSchema } = await import('../run-plan.ts')
    printPlanSchema()
  })
  const plan = new Command('plan').description('Shows, saves and analyses solver tables.')
  for (const command of [show, analyse, schema]) plan.addCommand(command)
  plan.action(() => plan.outputHelp())
  return plan.addHelpText(
    'after',
    `
A table computes, for every step, new states from kept states and network predictions, with numbers that depend on the
grid alone. It is plain JSON: keep it, change it, share it, and give it to espalier sample --plan.

${samplerHelp()}

Examples:
  espalier plan show --solver dpm++2m --steps 8 --grid karras --save plan.json
  espalier plan analyse --solver "ghvb(order=3.8)" --steps 20 --plot region.svg
  espalier plan analyse --plan plan.json
  espalier sample --model mnist --plan plan.json`,
  )
}
