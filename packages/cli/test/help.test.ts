import { describe, expect, it } from 'vitest'
import { program } from '../src/program.ts'
import { steerLine } from '../src/run-steer.ts'
import { shellLine } from '../src/shell-line.ts'
import { defaultSettings } from '../src/steering.ts'

describe('help', () => {
  const root = program()
  const commands = [root, ...root.commands]

  it.each(commands.map((command) => [command.name(), command] as const))('%s teaches by examples', (_, command) => {
    let text = ''
    command.configureOutput({ writeOut: (part) => (text += part) })
    command.outputHelp()
    expect(text).toContain('Examples:\n  espalier')
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(120)
  })

  it.each(['espalier', 'sample', 'compare', 'plan', 'serve', 'studio', 'steer', 'tree', 'train', 'grad', 'doctor'])(
    '%s reads as it did',
    async (name) => {
      const command = commands.find((candidate) => candidate.name() === name)!
      command.configureHelp({ helpWidth: 100 })
      let text = ''
      command.configureOutput({ writeOut: (part) => (text += part) })
      command.outputHelp()
      await expect(text).toMatchFileSnapshot(`./help/${name}.txt`)
    },
  )
})

describe('the line that repeats a run', () => {
  it('names every option, quotes what a shell would read, and keeps a leading minus a value', () => {
    const settings = {
      cUct: 1,
      json: false,
      plan: undefined,
      keep: true,
      out: "it's",
      reward: ['a b', '-jpeg'],
      seeds: [0, 2],
    }
    expect(shellLine('steer', settings)).toBe(
      "espalier steer --c-uct 1 --keep --out 'it'\\''s' --reward 'a b' --reward=-jpeg --seeds 0,2",
    )
  })

  it('is understood by the command itself', async () => {
    const settings = {
      ...defaultSettings,
      model: 'm',
      rewards: ['class:7', '-jpeg'],
      methods: ['dts', 'best-of-n'] as const,
      seeds: [3, 4],
    }
    const steer = program().commands.find((command) => command.name() === 'steer')!
    let parsed: unknown
    steer.action((options) => {
      parsed = options
    })
    const words = steerLine(settings).match(/'[^']*'|\S+/g) as string[]
    const given = words.slice(2).map((word) => word.replaceAll("'", ''))
    await steer.parseAsync(given, { from: 'user' })
    const { rewards, methods, ...rest } = settings
    expect(parsed).toMatchObject({ ...rest, reward: rewards, method: methods })
  })
})
