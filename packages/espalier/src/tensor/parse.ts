import type { z } from 'zod'

/**
 * Validates a JSON value against a zod schema.
 * @param what how the error names the value, such as `'plan'`
 * @throws one line: the path of the first wrong field, and what was expected there
 */
export function parseWith<T>(schema: z.ZodType<T>, json: unknown, what: string): T {
  const result = schema.safeParse(json)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const path = issue.path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('')
  throw new Error(`${what}${path}: ${issue.message}`)
}
