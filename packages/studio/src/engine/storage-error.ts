/** What a write to the browser's storage failed with, in a line that says what to do. */
export function storageError(error: unknown): Error {
  if ((error as DOMException | null)?.name === 'QuotaExceededError') {
    return new Error('the storage of this page is full; delete runs, and start it again')
  }
  return error instanceof Error ? error : new Error('the storage of this page refused to write')
}
