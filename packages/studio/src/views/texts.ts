import type { RunConfig } from '@espalier/engine'

/** `name(options)` as its two parts. */
export function splitCall(text: string): { readonly name: string; readonly options: string } {
  const open = text.indexOf('(')
  return open < 0
    ? { name: text.trim(), options: '' }
    : { name: text.slice(0, open).trim(), options: text.slice(open + 1).replace(/\)\s*$/, '') }
}

export function callText(name: string, options: string): string {
  return options === '' ? name : `${name}(${options})`
}

/** The command that runs the same in a terminal. */
export function commandLine(config: RunConfig): string {
  const { model, reward, method, budget, lambda, width, steps, grid, solver, guidance, seed, class: label } = config
  const given: readonly (readonly [string, string | number | undefined])[] = [
    ...([
      ['model', model],
      ['class', label],
      ['guidance', guidance === 1 ? undefined : guidance],
    ] as const),
    ...([
      ['reward', reward],
      ['method', method],
      ['budget', budget],
      ['lambda', lambda],
      ['width', width],
    ] as const),
    ...([
      ['steps', steps],
      ['grid', grid],
      ['solver', solver],
      ['seed', seed],
    ] as const),
  ]
  const words = given.flatMap(([name, value]) => (value === undefined ? [] : [`--${name} ${quoted(String(value))}`]))
  return `espalier steer ${words.join(' ')}`
}

function quoted(text: string): string {
  return /^[\w.,:+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
