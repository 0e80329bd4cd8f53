/** What the table calls things. */

export const metrics = {
  /** As the search saw it. */
  found: 'best reward found',
  /** Of noisy rewards: what the found sample is really worth. */
  truth: 'true reward of the best',
  held: 'held-out judge, of the best',
  sure: 'judge: log p of the likeliest class, 16 best',
  spread: 'spread of the 16 best',
  share: "share of best-of-N's NFE that reaches its value",
} as const

/** The digit that is searched for. */
export const label = '5'
/** Standard deviation of the error of the noisy reward, in log-odds, of which the model's own have one of about 10. */
export const error = 5

export const settings = {
  digit: `log-odds of a ${label}`,
  jpeg: 'JPEG bytes',
  both: `log p of a ${label} and JPEG bytes`,
  noisy: `log-odds of a ${label}, noisy`,
  clothes: 'JPEG bytes of clothes',
  long: `log-odds of a ${label}, 50 steps`,
  longJpeg: 'JPEG bytes, 50 steps',
} as const

export const bestOfN = 'best-of-N'
export const dtsStar = 'DTS*, alpha=.8'
export const narrow = 'DTS*, alpha=.5'
export const greedy = 'greedy islands (ours)'
export const forest = 'forest (ours)'
