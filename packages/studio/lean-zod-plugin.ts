import type { Plugin } from 'vite'

const files = ['zod/v4/core/json-schema-processors.js', 'zod/v4/core/to-json-schema.js']

/**
 * Leaves out what zod brings to write JSON schemas, which bundlers cannot tell is never called here: a quarter of it.
 * Whoever calls it all the same gets an error.
 */
export function leanZodPlugin(): Plugin {
  return {
    name: 'espalier-lean-zod',
    apply: 'build',
    transform(code, id) {
      if (!files.some((file) => id.split('?')[0].replaceAll('\\', '/').endsWith(file))) return undefined
      const names = [...code.matchAll(/^export (?:const|function|class) (\w+)/gm)].map(([, name]) => name)
      const absent = "const absent = () => () => { throw new Error('JSON schemas are left out of this build') }"
      return { code: [absent, ...names.map((name) => `export const ${name} = absent`)].join('\n'), map: null }
    },
  }
}
