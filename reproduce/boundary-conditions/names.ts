/** How rows are named in the table. */

export const setting = '4x super-resolution'
export const random = 'random start'
export const selected = 'selected start'
export const selectedOf = (k: number) => `selected of ${k}`
export const selectedByPsnr = 'selected by PSNR'
export const transferred = 'selected at 10 steps'
export const zero = 'x = 0'
export const scaled = 'x = a y'
export const oracle = 'oracle, per picture'
export const ddimOwn = 'DDIM, own noise'
export const ddpmOwn = 'DDPM'

export const deviation = 'sd over starts of the feature distance'
export const lead = 'standard deviations below random starts'
/** Of the few pictures that all candidates are run on. */
export const few = 'feature distance, pictures of the oracle'
export const size = 'mean square of the start'
export const rank = 'Spearman, two reference sets'

/** Calls a picture, with each of which the same is tried. */
export const budgets = [4, 5, 10, 20, 50]
/** The steps of the selection that is looked at most closely, and that is also used at the others. */
export const main = 10
