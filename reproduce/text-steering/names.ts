/** What the table calls things. */

/** So many of the best samples of a search are measured. */
export const kept = 8

export const metrics = {
  /** As the search saw it. */
  found: 'best reward found',
  mean: `mean reward, ${kept} best`,
  /** Nats a token; its exponential is the perplexity. */
  loss: `judge: nats a token, ${kept} best`,
  entropy: `unigram entropy, ${kept} best`,
  distinct: `distinct trigrams, ${kept} best`,
  valid: `words that exist, ${kept} best`,
  share: "share of best-of-N's NFE that reaches its value",
  distance: 'total variation to the tilted law',
} as const

/** The section that is searched for: one chapter of 54. */
export const section = 'apocalypse'

export const settings = {
  section: `log-odds of the ${section}`,
  sentiment: 'sentiment',
  fluent: 'sentiment and fluency',
  pattern: 'words in -ing',
  world: 'a law of 32 sequences',
  sharp: 'a law of 32 sequences, lambda=2',
} as const

export const names = {
  model: 'the model',
  bestOfN: 'best-of-N',
  dtsStar: 'DTS*',
  narrow: 'DTS*, alpha=.5',
  dts: 'DTS',
  svdd: 'SVDD, M=5',
  svdd20: 'SVDD, M=20',
  fk: 'FK, max',
  smc: 'SMC',
  forest: 'forest (ours)',
  greedy: 'greedy islands (ours)',
  // On the law that can be summed over.
  importance: 'importance resampling',
  repaired: 'DTS, weighted read-out (ours)',
  fkFew: 'FK, max, 8 particles',
  svddSoft: 'SVDD, M=5, softmax',
} as const

/** How a method is called that looks ahead by fills that are drawn. */
export const withFills = (name: string, fills: number) => `${name}, ${fills} ${fills === 1 ? 'fill' : 'fills'} drawn`
