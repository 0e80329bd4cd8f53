/** Texts of four letters whose law is known: a masked network that is a table, and its tokenizer. */

import { GraphBuilder, tensor, writeModel } from '@espalier/graph'
import { maskedProcess, TokenLaw } from 'espalier/text'
import type { NewModel } from '../../src/index.ts'

const signs = ['a', 'b', 'c'] as const
const LENGTH = 4

/** Neighbours like to be the same letter, and `c` is rare. */
export const law = new TokenLaw(
  signs.length,
  LENGTH,
  Array.from({ length: signs.length ** LENGTH }, (_, i) => {
    const tokens = i.toString(signs.length).padStart(LENGTH, '0')
    const pairs = [...tokens].filter((token, p) => p > 0 && token === tokens[p - 1]).length
    return 2 ** pairs * 0.5 ** [...tokens].filter((token) => token === '2').length
  }),
)

/** A text of the law as it reads. */
export const spell = (tokens: ArrayLike<number>) => Array.from(tokens, (token) => signs[token]).join('')

const tokenizer = {
  version: '1.0',
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: null,
  decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: { type: 'BPE', vocab: Object.fromEntries(signs.map((sign, id) => [sign, id])), merges: [] },
}

/** The exact denoiser: a whole sequence, masks as a fourth letter, is a row of a table. */
function network(): Uint8Array {
  const base = signs.length + 1
  const rows: number[] = []
  for (let i = 0; i < base ** LENGTH; i++) {
    const tokens = Array.from({ length: LENGTH }, (_, p) => Math.floor(i / base ** (LENGTH - 1 - p)) % base)
    rows.push(...law.posterior(maskedProcess(signs.length), tokens, 0).map((p) => Math.log(Math.max(p, 1e-30))))
  }
  const graph = new GraphBuilder()
  const radix = Array.from({ length: LENGTH }, (_, p) => base ** (LENGTH - 1 - p))
  const place = graph
    .input('tokens', ['n', LENGTH], 'int64')
    .cast('float32')
    .matmul(graph.parameter('radix', tensor(radix, [LENGTH, 1])))
    .cast('int64')
    .reshape([-1])
  const table = graph.parameter('table', tensor(rows, [base ** LENGTH, LENGTH * signs.length]))
  graph.output('logits', graph.op('Gather', [table, place], { axis: 0 }).reshape([-1, LENGTH, signs.length]))
  return writeModel(graph.build())
}

/** The network as a person brings it. */
export const letters: NewModel = {
  key: 'letters',
  card: { type: 'masked', name: 'letters', vocabulary: signs.length, context: LENGTH },
  graph: network(),
  tokenizer,
}
