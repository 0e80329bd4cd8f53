/** The rows of a comparison are those of `result.json`. */

export { type Interval, Results, type Where } from 'espalier/measure'
