/**
 * The shell line that repeats a run: `espalier <command> --name value ...`.
 *
 * @param settings camelCase option names; undefined and false are left out; a list of strings repeats its option, a list
 *   of numbers is one value with commas
 */
export function shellLine(command: string, settings: Readonly<Record<string, unknown>>): string {
  const parts = Object.entries(settings).flatMap(([name, value]) => {
    if (value === undefined || value === false) return []
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
    if (value === true) return [flag]
    const values = Array.isArray(value) && typeof value[0] === 'string' ? value : [value]
    return values.map((one) => {
      const text = quoted(String(one))
      // A value that begins with a minus would be read as an option.
      return text.startsWith('-') ? `${flag}=${text}` : `${flag} ${text}`
    })
  })
  return ['espalier', command, ...parts].join(' ')
}

function quoted(text: string): string {
  return /^[\w./:,=@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
