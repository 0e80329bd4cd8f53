import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, isAbsolute, join, normalize } from 'node:path'
import { type Model, readModel, vjp, writeModel } from '@espalier/graph'
import { Command, InvalidArgumentError } from 'commander'
import { writeFileAtomic } from 'espalier/node'
import { asUserError, UserError } from '../errors.ts'
import { names } from '../options.ts'

interface GradOptions {
  readonly out?: string
  readonly wrt?: string[]
  readonly outputs?: string[]
  readonly keepOutputs: boolean
  readonly strict: boolean
  readonly shape: Record<string, (number | string)[]>
  readonly json: boolean
}

export function gradCommand(): Command {
  return new Command('grad')
    .description('Differentiates an ONNX model; the gradient is again an ONNX model.')
    .argument('<model.onnx>', 'the model')
    .option('--out <file>', 'where the gradient model goes (default: <model>.grad.onnx)')
    .option('--wrt <names>', 'inputs or weights to differentiate by (default: every float input)', names)
    .option('--outputs <names>', 'outputs that are differentiated (default: every float output)', names)
    .option(
      '--shape <input=sizes>',
      'size of an input with free dimensions, such as x=n,3,224,224; may be repeated',
      shape,
      {},
    )
    .option('--keep-outputs', 'return the original outputs as well', false)
    .option('--strict', 'refuse an input that the outputs do not depend on, instead of returning zeros', false)
    .option('--json', 'print the result as JSON', false)
    .addHelpText(
      'after',
      `
The written model takes the inputs of the model and, for every chosen output y, its cotangent grad_<y>; for every
chosen x it returns grad_<x> = sum over y of (dy/dx)^T grad_<y>. Feed grad_<y> = 1 for the gradient of a scalar.

Examples:
  espalier grad classifier.onnx --out saliency.onnx --wrt image
  espalier grad net.onnx --wrt conv1.weight,conv1.bias --outputs loss
  espalier grad resnet.onnx --shape x=n,3,224,224`,
    )
    .action((file: string, options: GradOptions) => grad(file, options))
}

async function grad(file: string, options: GradOptions): Promise<void> {
  const out = options.out ?? `${file.replace(/\.onnx$/, '')}.grad.onnx`
  const model = await asUserError(file, () => readModelFile(file))
  if (normalize(out) === normalize(file)) throw new UserError(`--out ${out} is the model itself; name another file`)
  const { wrt, outputs, keepOutputs, strict } = options
  const gradient = await asUserError(file, () =>
    vjp(model, { wrt, outputs, keepOutputs, strict, shapes: options.shape }),
  )
  await asUserError(`--out ${out}`, () => writeFileAtomic(out, writeModel(gradient)))
  const result = { model: file, out, inputs: gradient.graph.inputs, outputs: gradient.graph.outputs }
  if (options.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`)
    return
  }
  const list = (values: Model['graph']['inputs']) =>
    values.map((v) => `  ${v.name}: ${v.type} [${v.shape?.map((d) => d ?? '?').join(', ') ?? '?'}]`).join('\n')
  process.stdout.write(`${out}\ntakes\n${list(gradient.graph.inputs)}\nreturns\n${list(gradient.graph.outputs)}\n`)
}

/** Reads a model and the side files that hold its large weights. @throws if it is missing or damaged */
export function readModelFile(file: string): Model {
  const bytes = new Uint8Array(readFileSync(file))
  return readModel(bytes, {
    external(location) {
      // A model must not reach outside its own folder.
      const path = normalize(location)
      if (isAbsolute(path) || path.startsWith('..')) throw new Error(`its weights lie outside its folder: ${location}`)
      const side = join(dirname(file), path)
      if (!existsSync(side) || !statSync(side).isFile())
        throw new Error(`the file with its weights is missing: ${side}`)
      return new Uint8Array(readFileSync(side))
    },
  })
}

function shape(text: string, earlier: Record<string, (number | string)[]>): Record<string, (number | string)[]> {
  const match = /^([^=]+)=(.*)$/.exec(text)
  const sizes = match?.[2].split(',').map((part) => part.trim())
  if (!match || !sizes || sizes.some((size) => size === '')) {
    throw new InvalidArgumentError('An input and its sizes are needed, such as x=n,3,224,224.')
  }
  return { ...earlier, [match[1]]: sizes.map((size) => (/^\d+$/.test(size) ? Number(size) : size)) }
}
