/** A file of its own, so that the page loads it when means are wanted. */
export { mean95 } from 'espalier/measure'
