/** What the names of the added values begin with: no exporter writes names like it. */
export const prefix = 'espalier_grad_'
export const value = 'espalier_value'

/** Names in the graph of `valueGradient`. */
export const valueGradientNames = { value, gradient: (input: string) => `${prefix}${input}` }
