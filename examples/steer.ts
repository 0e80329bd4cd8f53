import { readFile } from 'node:fs/promises'
import { ddim, greedyIslands, loadDenoiser, parseModelCard, pixelChain, uniformGrid } from 'espalier'
import { nodeRuntime } from 'espalier/node'

const card = parseModelCard(JSON.parse(await readFile('model/card.json', 'utf8')))
const runtime = nodeRuntime()
const denoiser = await loadDenoiser(runtime, await readFile('model/model.onnx'), card)

const plan = ddim({ eta: 1 })(denoiser.process, uniformGrid(denoiser.process, 20))
const chain = pixelChain({ denoiser, plan, branchAt: 'every', range: [-1, 1] })
const ink = (pixels: Float32Array) => pixels.reduce((sum, x) => sum + x, 0)
const reward = {
  name: 'ink',
  evaluate: async (samples: readonly { data: Float32Array }[]) => samples.map((s) => ink(s.data)),
}

const { candidates, best, nfe } = await greedyIslands({ chain, reward, budget: 2000, seed: 0 })
console.log(`${candidates.length} samples in ${nfe} NFE; the best has reward ${candidates[best].reward.toFixed(1)}`)
await runtime.close()
