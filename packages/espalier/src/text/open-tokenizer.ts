import { byteTokenizer } from './byte-tokenizer.ts'
import { libraryTokenizer } from './library-tokenizer.ts'
import type { TextTokenizer } from './tokenizer.ts'

/**
 * The same as {@link createTokenizer}, for pages: the library that reads the many kinds there are is loaded where a file
 * needs it.
 * @throws one line where the file is not one that the library reads
 */
export async function openTokenizer(json: unknown, what?: string): Promise<TextTokenizer> {
  return byteTokenizer(json) ?? libraryTokenizer((await import('@huggingface/tokenizers')).Tokenizer, json, what)
}
