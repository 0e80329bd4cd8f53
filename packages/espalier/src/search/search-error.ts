import type { SearchResult } from './search.ts'

/** A search that had to stop: why (the message and `cause`), and everything that it had found by then. */
export class SearchError<X, R extends SearchResult<X> = SearchResult<X>> extends Error {
  readonly result: R

  constructor(method: string, cause: unknown, result: R) {
    super(`${method} stopped after ${result.nfe} NFE: ${cause instanceof Error ? cause.message : cause}`, { cause })
    this.name = 'SearchError'
    this.result = result
  }
}
