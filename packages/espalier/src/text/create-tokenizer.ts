import { Tokenizer } from '@huggingface/tokenizers'
import { byteTokenizer } from './byte-tokenizer.ts'
import { libraryTokenizer } from './library-tokenizer.ts'
import type { TextTokenizer } from './tokenizer.ts'

/**
 * A tokenizer from the `tokenizer.json` of Hugging Face (byte-pair encoding, or characters: that without merges).
 * Special tokens are not added.
 * @throws one line where the file is not one that the library reads
 */
export function createTokenizer(json: unknown, what?: string): TextTokenizer {
  return byteTokenizer(json) ?? libraryTokenizer(Tokenizer, json, what)
}
