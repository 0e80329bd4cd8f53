/** What the user can put right: reported as one line, exit code 2. Everything else is our fault: exit code 1. */
export class UserError extends Error {
  override readonly name = 'UserError'
}

/**
 * Runs what depends on the user's input alone; its error becomes the user's to put right.
 *
 * @param what leads the message, such as `--model world.json`
 */
export async function asUserError<T>(what: string, body: () => T | Promise<T>): Promise<T> {
  try {
    return await body()
  } catch (error) {
    if (error instanceof UserError) throw error
    throw new UserError(`${what}: ${messageOf(error)}`, { cause: error })
  }
}

/** The message of anything that was thrown, on one line, with the plain reason for the common file errors. */
export function messageOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  const plain = code === undefined ? undefined : fileErrors[code]
  if (plain) return plain
  const text = error instanceof Error ? error.message : String(error)
  return text.replace(/\s*\n\s*/g, ' ').trim()
}

const fileErrors: Readonly<Record<string, string | undefined>> = {
  ENOENT: 'no such file or folder; check the path',
  EACCES: 'permission denied; choose a place that you may use',
  EPERM: 'operation not permitted; choose a place that you may use',
  EROFS: 'the file system is read-only; choose another place',
  EISDIR: 'is a folder, a file is needed',
  ENOTDIR: 'a part of the path is a file, not a folder',
  ENOSPC: 'no space left on the device',
}
