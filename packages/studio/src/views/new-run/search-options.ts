/** Options of searches in words, with their defaults. A test holds the defaults against the searches themselves. */

/** What an option does. */
const about: Readonly<Record<string, string>> = {
  particles: 'rows of one population',
  ess: 'effective share of rows down to which each stop narrows',
  local: 'share of NFE spent on continuing the best path',
  hedge: 'half of the budget on plain rollouts first',
  grow: 'share of all rows before it that an island has',
  trigger: 'resample below this effective share of rows',
  guard: 'a pilot of plain rollouts tests the look-aheads',
  resampling: 'how rows are drawn',
  potential: 'what rows are preferred by',
  growth: 'how fast the target is tempered',
  scale: 'factor of the gradient',
  candidates: 'tried at every step',
  samples: 'made side by side',
  selection: 'how the next is chosen',
  selectStart: 'choose the first noise too',
  replace: 'share of worst samples that better ones replace',
  weighted: 'weights that make the law exact',
  chains: 'that share the budget',
  starts: 'start states of a chain',
  choice: 'which success is taken',
  count: 'samples at most',
  neighbours: 'tried in a round',
  cosine: 'of the angle to a neighbour',
  keepPivot: 'stay where no neighbour is better',
  rounds: 'at most',
  paths: 'that are kept',
  branches: 'of a path in a round',
  level: 'at which the first look-aheads are',
  back: 'levels noised in a round',
  forward: 'levels denoised in a round',
  c: 'children while fewer than c N^alpha',
  alpha: 'exponent of the same; small for small budgets',
  epsilon: 'share of uniform choices',
  cUct: 'exploration of uct',
  uctScale: 'unit of cUct',
  backup: 'how values go up the tree',
  readOut: 'how samples are drawn from the tree',
  states: 'memory against NFE',
  rollout: 'how a child comes to its reward',
}

const population = { trigger: '0.5', resampling: 'systematic' }
const tree = {
  ...{ c: '2', alpha: '0.8', epsilon: '0.5', cUct: '1', uctScale: 'std' },
  ...{ backup: 'soft', states: 'float32', rollout: 'full' },
}

/** Defaults that can be written, by search; the others follow from the budget or the chain. */
export const searchDefaults: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  greedy: { particles: '16', ess: '0.1', local: '0.5' },
  forest: { particles: '32', grow: '0.3', trigger: '0.9' },
  'dts-star': { ...tree, selection: 'uct', readOut: 'argmax' },
  dts: { ...tree, selection: 'boltzmann', readOut: 'values' },
  smc: population,
  fk: { ...population, potential: 'difference' },
  tds: population,
  das: { ...population, resampling: 'ssp', growth: '0.008' },
  dps: { scale: '1' },
  svdd: { candidates: '5', selection: 'argmax', selectStart: 'false', replace: '0', weighted: 'false' },
  rbf: { chains: '2', starts: '25', choice: 'first' },
  'zero-order': { neighbours: '4', cosine: '0.95', keepPivot: 'true' },
  paths: { paths: '2' },
}

/** What stands under the name of an option of a search; nothing where it says enough. */
export function aboutOption(option: string): string | undefined {
  return about[option]
}
