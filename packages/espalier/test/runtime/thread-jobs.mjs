// What the threads of threads.test.ts do: it runs from the built files, as the code of a user does.
import { GaussianMixture, uniformGrid, vpLinear } from 'espalier/process'
import { ddpm, execute, start } from 'espalier/solve'
import { fold, key } from 'espalier/tensor'

const means = [
  [-2, 0],
  [2, 0],
]

/** Rows `from .. to - 1` of a run of DDPM. */
export async function rows({ from, to, steps }) {
  const denoiser = new GaussianMixture({ means, stds: [0.3, 0.4] }).denoiser(vpLinear())
  const plan = ddpm()(denoiser.process, uniformGrid(denoiser.process, steps))
  const keys = Array.from({ length: to - from }, (_, i) => fold(key(3), from + i))
  return (await execute(plan, denoiser, start(plan, denoiser, keys), { keys })).data
}

let jobs = 0
/** Jobs that this thread has done. */
export const count = () => ++jobs

export function fail(job) {
  if (job === 2) throw new Error('no luck')
  return job
}

export const add = ({ shared, at }) => Atomics.add(shared, 0, at)

export const never = () => new Promise(() => setTimeout(() => {}, 1e6))

export const leave = () => process.exit(3)
