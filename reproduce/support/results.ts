/** The rows of a comparison as those of `result.json`. */

import { Results as Comparisons, type Interval, type Where } from 'espalier/measure'
import type { ReproductionRow } from '../result.ts'

export type { Interval, Where }

/** Values of a comparison, whose rows are those of `result.json`. */
export class Results extends Comparisons {
  override rows(): ReproductionRow[] {
    return super.rows().map((row) => ({ ...row, gradientEvaluations: 0, rewardEvaluations: 0 }))
  }
}
