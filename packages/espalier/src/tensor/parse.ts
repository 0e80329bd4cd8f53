import { z } from 'zod/mini'

const { localeError: error } = z.locales.en()

/**
 * Validates a JSON value against a zod schema.
 * @param what how the error names the value, such as `'plan'`
 * @throws one line: the path of the first wrong field, and what was expected there
 */
export function parseWith<T>(schema: z.core.$ZodType<T>, json: unknown, what: string): T {
  const result = z.safeParse(schema, json, { error })
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const path = issue.path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('')
  throw new Error(oneLine(`${what}${path}: ${issue.message}`))
}

/** What a file says may be in the message: control characters are written out, and a long message is cut. */
function oneLine(message: string, most = 300): string {
  const plain = message.replace(/[\p{Cc}\u2028\u2029]/gu, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return plain.length > most ? `${plain.slice(0, most)}...` : plain
}
