/** What is written by name and options, as the command line has it. */

import type { RunConfig } from '@espalier/engine'
import { splitCalls } from 'espalier/tensor'

/** `name(option=value, ...)` in its parts. */
export interface CallText {
  readonly name: string
  readonly options: readonly (readonly [string, string])[]
  /** What is no option, as it was written. */
  readonly rest: string
}

export function readCall(text: string): CallText {
  const open = text.indexOf('(')
  if (open < 0) return { name: text.trim(), options: [], rest: '' }
  const inside = text
    .trim()
    .slice(open + 1)
    .replace(/\)$/, '')
  const options: [string, string][] = []
  const others: string[] = []
  for (const part of partsOf(inside)) {
    const [, name, value] = /^\s*(\w+)\s*=\s*(.+)$/s.exec(part) ?? []
    if (name === undefined || options.some(([known]) => known === name)) others.push(part)
    else options.push([name, value.trim()])
  }
  return { name: text.slice(0, open).trim(), options, rest: others.join(', ') }
}

/** The inverse of {@link readCall}; an option without a value is left out. */
export function writeCall({ name, options, rest }: CallText): string {
  const given = options.filter(([, value]) => value.trim() !== '').map(([option, value]) => `${option}=${value.trim()}`)
  const inside = [...given, ...(rest === '' ? [] : [rest])].join(', ')
  return inside === '' ? name : `${name}(${inside})`
}

/** What stands between commas outside parentheses; text that is being typed may have them unmatched. */
function partsOf(inside: string): string[] {
  try {
    return splitCalls(inside).filter((part) => part !== '')
  } catch {
    return [inside]
  }
}

/** What the command line must know of a run beside its config. */
export interface CommandContext {
  readonly kind: 'image' | 'points' | 'text'
  /** Whether the method searches over start noises: its solver is another option then. */
  readonly deterministic: boolean
  /** Where the model is no zoo model: its file or folder. */
  readonly file?: string
  /** Where the reward is a function of the page: the module that it is written into. */
  readonly module?: string
}

/** The command that runs the same in a terminal. */
export function commandLine(config: RunConfig, { kind, deterministic, file, module }: CommandContext): string {
  const { model, reward, method, budget, lambda, width, steps, grid, solver, guidance, seed, prompt, length } = config
  const words = [
    option('model', file ?? model),
    option('reward', module ?? reward),
    option('method', method),
    option('budget', budget),
    option('lambda', lambda),
    option('width', width),
    option('seed', seed),
  ]
  if (kind === 'text') words.push(option('sampler', solver), option('prompt', prompt), option('length', length))
  else {
    words.push(option('steps', steps), option('grid', grid), option(deterministic ? 'ode-solver' : 'solver', solver))
    words.push(option('class', config.class), option('guidance', guidance === 1 ? undefined : guidance))
  }
  return ['espalier steer', ...words.filter((word) => word !== '')].join(' ')
}

function option(name: string, value: string | number | undefined): string {
  if (value === undefined) return ''
  const text = quoted(String(value))
  // A value that begins with a minus would be read as an option.
  return text.startsWith('-') ? `--${name}=${text}` : `--${name} ${text}`
}

function quoted(text: string): string {
  return /^[\w./:,=@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

/** The command that computes the same of a solver. */
export function planLine(solver: string, process: string, grid: string, steps: string): string {
  const words = [option('solver', solver), option('steps', steps), option('grid', grid), option('process', process)]
  return ['espalier plan analyse', ...words].join(' ')
}

/** A reward of the page as the module that the command line takes. */
export function moduleOf(expression: string): string {
  return [
    '/** One number for each sample { shape, data }. */',
    'export function reward(samples) {',
    `  return samples.map(({ data: x, shape }, i) => (${expression.trim()}))`,
    '}',
    '',
  ].join('\n')
}
