import type { Plugin } from 'vite'

const files = ['zod/v4/core/json-schema-processors.js', 'zod/v4/core/to-json-schema.js']

const schemas = 'zod/v4/classic/schemas.js'
/** Methods of texts that bring a format each: `email(params) { return this.check(core._email(ZodEmail, params)) }`. */
const formats = /^ {4}\w+\((?:params)?\) \{\n\s*return this\.check\((?:core\._\w+\(Zod|iso\.)\w*.*\n {4}\},?\n/gm

/** Methods of every schema that bring a kind of schema each, which nothing here makes. */
const kinds = /^ {4}(?:exactOptional|nonoptional|and|prefault|catch|readonly)\(\w*\) \{\n.*\n {4}\},\n/gm

/**
 * Leaves out what zod brings to write JSON schemas to check texts for formats (addresses, dates), and kinds of schemas
 * that nothing here makes, which bundlers cannot tell is never called: a third of it. Whoever calls it all the same gets an error.
 */
export function leanZodPlugin(): Plugin {
  return {
    name: 'espalier-lean-zod',
    apply: 'build',
    transform(code, id) {
      const path = id.split('?')[0].replaceAll('\\', '/')
      if (path.endsWith(schemas)) return { code: pruned(code), map: null }
      if (!files.some((file) => path.endsWith(file))) return undefined
      const names = [...code.matchAll(/^export (?:const|function|class) (\w+)/gm)].map(([, name]) => name)
      const absent = "const absent = () => () => { throw new Error('JSON schemas are left out of this build') }"
      return { code: [absent, ...names.map((name) => `export const ${name} = absent`)].join('\n'), map: null }
    },
  }
}

function pruned(code: string): string {
  const from = code.indexOf('export const ZodString =')
  const to = code.indexOf('export function string(')
  return code.slice(0, from).replace(kinds, '') + code.slice(from, to).replace(formats, '') + code.slice(to)
}
