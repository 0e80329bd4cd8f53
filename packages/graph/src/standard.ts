/** What the ONNX standard knows beyond what this package differentiates. */

/** Operators of the standard domain, up to version 24. */
const names = `Abs Acos Acosh Add AffineGrid And ArgMax ArgMin Asin Asinh Atan Atanh Attention AveragePool
BatchNormalization Bernoulli BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor BlackmanWindow Cast CastLike Ceil Celu
CenterCropPad Clip Col2Im Compress Concat ConcatFromSequence Constant ConstantOfShape Conv ConvInteger ConvTranspose Cos
Cosh CumSum DFT DeformConv DepthToSpace DequantizeLinear Det Div Dropout DynamicQuantizeLinear Einsum Elu Equal Erf Exp
Expand EyeLike Flatten Floor GRU Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool
Greater GreaterOrEqual GridSample GroupNormalization HammingWindow HannWindow HardSigmoid HardSwish Hardmax Identity If
ImageDecoder InstanceNormalization IsInf IsNaN LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax Loop
LpNormalization LpPool MatMul MatMulInteger Max MaxPool MaxRoiPool MaxUnpool Mean MeanVarianceNormalization
MelWeightMatrix Min Mish Mod Mul Multinomial Neg NegativeLogLikelihoodLoss NonMaxSuppression NonZero Not OneHot Optional
OptionalGetElement OptionalHasElement Or PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear RMSNormalization RNN
RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum
ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare RegexFullMatch Relu Reshape Resize
ReverseSequence RoiAlign RotaryEmbedding Round STFT Scan Scatter ScatterElements ScatterND Selu SequenceAt
SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength SequenceMap Shape Shrink Sigmoid Sign Sin Sinh
Size Slice Softmax SoftmaxCrossEntropyLoss Softplus Softsign SpaceToDepth Split SplitToSequence Sqrt Squeeze StringConcat
StringNormalizer StringSplit Sub Sum Swish Tan Tanh TensorScatter TfIdfVectorizer ThresholdedRelu Tile TopK Transpose
Trilu Unique Unsqueeze Upsample Where Xor`

/** Names of the operators of the ONNX standard. */
export const standardOperators: ReadonlySet<string> = new Set(names.split(/\s+/))

const loops = 'export the model with its loops unrolled (fixed sizes, traced instead of scripted)'
const recurrent = 'write the recurrence as MatMul, Sigmoid and Tanh nodes (one set per time step) before exporting'
const quantised = 'differentiate the float model, before it was quantised'
const sequences = 'export the model with tensors in place of sequences'
const fixedSizes = 'its output size depends on data; move it out of the differentiated part with `extract`'
const random = 'feed the random numbers as an input instead of drawing them in the graph'

/** What to do about operators that can be named but not differentiated, by operator. */
const remedies: Readonly<Record<string, string>> = {
  If: 'its condition depends on data: split the model with `extract` and choose the branch outside',
  Loop: loops,
  Scan: loops,
  LSTM: recurrent,
  GRU: recurrent,
  RNN: recurrent,
  QuantizeLinear: quantised,
  DequantizeLinear: quantised,
  DynamicQuantizeLinear: quantised,
  QLinearConv: quantised,
  QLinearMatMul: quantised,
  ConvInteger: quantised,
  MatMulInteger: quantised,
  NonMaxSuppression: fixedSizes,
  Compress: fixedSizes,
  Unique: fixedSizes,
  Bernoulli: random,
  Multinomial: random,
}

/** What to do about an operator that has no definition here. */
export function remedyFor(op: string, domain: string): string {
  if (domain === 'com.microsoft' || domain === 'com.microsoft.nchwc' || domain === 'ai.onnx.training')
    return "it is one of ONNX Runtime's own, written when a model is saved optimised: differentiate the original, not the optimised file"
  if (domain !== '') return 'use operators of the ONNX standard, or give the model a function that defines it'
  if (op.startsWith('Sequence') || op.startsWith('Optional') || op.endsWith('Sequence')) return sequences
  return remedies[op] ?? 'cut it away with `extract`, or export the model without it'
}

/** The name of `names` that is nearest to `name`, if it is near enough to be meant. */
export function nearest(name: string, names: Iterable<string>): string | undefined {
  let best: string | undefined
  // Names of one or two letters are near to anything.
  let least = name.length < 3 ? 1 : Math.max(1, Math.floor(name.length / 3)) + 1
  for (const candidate of names) {
    const d = distance(name.toLowerCase(), candidate.toLowerCase(), least)
    if (d < least) {
      least = d
      best = candidate
    }
  }
  return best
}

/** Edit distance (Levenshtein), or `limit` where it is at least that. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return Math.min(row[b.length], limit)
}
