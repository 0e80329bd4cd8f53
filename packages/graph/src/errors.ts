/** A mistake in a graph or in how it was asked for: one line that says what was given, what was expected, what to do. */
export class GraphError extends Error {
  override name = 'GraphError'
}
