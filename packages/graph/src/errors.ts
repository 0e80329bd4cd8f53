/** A mistake in a graph or in how it was asked for: one line that says what was given, what was expected, what to do. */
export class GraphError extends Error {
  override name = 'GraphError'

  constructor(message: string, options?: ErrorOptions) {
    // Names come from files, and a damaged file may have anything in them.
    super(message.replace(/\p{Cc}+/gu, '\ufffd'), options)
  }
}
