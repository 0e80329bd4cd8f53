import { readFile } from 'node:fs/promises'
import { svdd } from 'espalier'
import { nodeRuntime } from 'espalier/node'
import { createTokenizer, firstHitting, loadTokenDenoiser, maskedChain, stringReward, textReward } from 'espalier/text'

const json = async (file: string) => JSON.parse(await readFile(file, 'utf8'))
const tokenizer = createTokenizer(await json('model/tokenizer.json'))
const runtime = nodeRuntime()
const denoiser = await loadTokenDenoiser(runtime, await readFile('model/model.onnx'), await json('model/card.json'))

const prompt = tokenizer.encode('And he said unto them,')
const chain = maskedChain({ denoiser, sampler: firstHitting({ calls: 16 }), prompt, length: 32, branchAt: 'every' })
const questions = stringReward('questions', (text) => text.split('?').length - 1)
const reward = textReward(tokenizer, questions)

const { candidates, best, nfe } = await svdd({ chain, reward, lambda: 4, budget: 1000, seed: 0 })
console.log(`${candidates.length} texts in ${nfe} NFE; the best has reward ${candidates[best].reward}:`)
console.log(tokenizer.decode(candidates[best].sample.tokens))
await runtime.close()
