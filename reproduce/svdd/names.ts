/** What the table calls things. */

export const metrics = {
  median: 'median reward',
  top: 'top 10 % reward',
  spread: 'spread of the samples',
  sure: 'judge: log p of the likeliest class',
} as const

export const settings = {
  jpeg: 'JPEG bytes',
  ink: 'ink near 30 %, in hundredths',
  clothes: 'JPEG bytes of clothes',
  long: 'JPEG bytes, 50 steps',
} as const

/** How many times a plain sample a kept one costs, M. */
export const compute = [1, 2, 5, 10, 20] as const

export const names = {
  bestOfN: 'best-of-N',
  smc: 'SMC',
  warmSmc: 'SMC, warm',
  svdd: 'SVDD-PM',
  cold: 'SVDD-PM, softmax',
  warm: 'SVDD-PM, softmax, warm',
  replacing: 'SVDD-R',
  learned: 'SVDD-MC',
  dps: 'DPS',
  forest: 'forest (ours)',
  greedy: 'greedy islands (ours)',
} as const
