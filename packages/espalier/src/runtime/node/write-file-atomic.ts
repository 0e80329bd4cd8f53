import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/**
 * Writes a file so that a reader, or a crash at any moment, sees the old content or the new, never a part: temporary
 * name in the same folder, fsync, rename, fsync of the folder.
 * @param data text, bytes, or bytes in parts that are written one after the other
 */
export function writeFileAtomic(path: string, data: Uint8Array | readonly Uint8Array[] | string): void {
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data
  const parts = bytes instanceof Uint8Array ? [bytes] : bytes
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`)
  try {
    const file = openSync(temporary, 'w')
    try {
      for (const part of parts) {
        for (let done = 0; done < part.length; )
          done += writeSync(file, part, done, Math.min(part.length - done, 2 ** 30))
      }
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  syncFolder(dirname(path))
}

/** Makes a rename outlive a power cut. Windows has no such call and needs none. */
function syncFolder(path: string): void {
  if (process.platform === 'win32') return
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
