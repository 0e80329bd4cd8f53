import { type Expr, extract, GraphError, importModel, readModel, vjp, writeModel } from '@espalier/graph'
import { prefix, value } from './value-gradient-names.ts'

/**
 * A graph that gives one number a row of a model, and the gradient of that number in the row of an input: the model's
 * `output` `[n, ...]`, `value` `[n]`, and the gradient `[n, ...event]`. The rows of the model must not depend on one
 * another, so that the gradient of the sum is that of each row.
 *
 * @param model an ONNX file
 * @param number writes the number `[n]` from the rows `[n, k]` of the output; it may declare further inputs
 * @throws GraphError where the sizes of the output are not stated, or an operator on the way has no gradient
 */
export function valueGradient(
  model: Uint8Array,
  { input, output }: { readonly input: string; readonly output: string },
  number: (rows: Expr, width: number) => Expr,
): Uint8Array {
  const b = importModel(readModel(model))
  const y = b.get(output)
  if (y.rank === 0) throw new GraphError(`output "${output}" is one number for the whole batch; one a row is needed`)
  let width = 1
  for (let axis = 1; axis < y.rank; axis++) width *= y.size(axis)
  b.output(value, number(y.rank === 2 ? y : y.reshape([-1, width]), width))
  const whole = extract(b.build(), { outputs: [output, value] })
  return writeModel(
    vjp(whole, { wrt: [input], outputs: [value], seed: 'ones', keepOutputs: true, strict: true, prefix }),
  )
}
