import { type AnyCard, type GivenModel, type ModelSource, parseCard, unknownModel } from '@espalier/engine'
import { zooModels } from './zoo-names.ts'

/**
 * Models that lie beside the app, fetched when they are asked for.
 *
 * @param base where the app lies
 * @param names of the models there
 */
export function fetchedSource(base: string, names: readonly string[] = zooModels): ModelSource {
  const cards = new Map<string, Promise<AnyCard>>()
  const graphs = new Map<string, Promise<Uint8Array>>()
  const get = async (key: string, file: string) => {
    const response = await fetch(new URL(`models/${key}/${file}`, base))
    if (!response.ok) throw new Error(`${key}/${file} could not be fetched: the server said ${response.status}`)
    return response
  }
  /** Kept once it is there; a failure is tried again. */
  const once = <T>(kept: Map<string, Promise<T>>, key: string, load: () => Promise<T>): Promise<T> => {
    let found = kept.get(key)
    if (!found) {
      if (!names.includes(key)) throw unknownModel(key, names)
      found = load()
      kept.set(key, found)
      found.catch(() => kept.delete(key))
    }
    return found
  }
  return {
    keys: async () => names,
    card: async (key) =>
      once(cards, key, async () => parseCard(await (await get(key, 'card.json')).json(), `${key}/card.json`)),
    graph: async (key) =>
      once(graphs, key, async () => new Uint8Array(await (await get(key, 'model.onnx')).arrayBuffer())),
    tokenizer: async (key) => (await get(key, 'tokenizer.json')).json(),
  }
}

/** Five Gaussians of the plane, the outer ones on a circle: a model whose scores are exact. */
export const mixture: GivenModel = {
  card: {
    type: 'gaussian-mixture',
    means: [
      [2, 0],
      [0.618, 1.902],
      [-1.618, 1.176],
      [-1.618, -1.176],
      [0.618, -1.902],
    ],
    stds: [0.25, 0.25, 0.25, 0.25, 0.25],
    weights: [0.2, 0.2, 0.2, 0.2, 0.2],
  },
}
