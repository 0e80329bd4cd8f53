import { number } from '../format.ts'

/** Children whose values are written out. */
const WRITTEN = 3

/** The backup `v = (1/lambda) log mean exp(lambda v_child)` with the numbers of a node. */
export function formula(children: readonly number[], value: number, lambda: number): string {
  const shown = children.slice(0, WRITTEN).map(number).join(', ')
  const list = children.length > WRITTEN ? `${shown}, …` : shown
  if (lambda === 0) return `v = mean(${list}) = ${number(value)}`
  if (lambda === Infinity) return `v = max(${list}) = ${number(value)}`
  const inverse = lambda === 1 ? '' : `1/${number(lambda)} · `
  const times = lambda === 1 ? '' : `${number(lambda)} · `
  return `v = ${inverse}log( 1/${children.length} · Σ exp(${times}vᵢ) ) = ${number(value)},  vᵢ = ${list}`
}
