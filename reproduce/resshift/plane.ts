/** Two numbers in place of a picture: clean values in narrow clusters around the degraded one, which is at the origin. */

import { drawSamples, guidedWorld, type Subject, worldSubject, worldW2 } from 'espalier/measure'
import { type GaussianMixture, type Process, uniformGrid } from 'espalier/process'
import { allClasses, oneClass } from '../support/clusters.ts'
import type { Results } from '../support/results.ts'
import { chains } from './chains.ts'

const scale = 4
/** How these parts are named in the table. */
export const w2 = 'sliced W2 to the data'
export const plane = 'two numbers, six clusters'
export const guidedPlane = `two numbers, one class asked for, w = ${scale}`

interface World {
  readonly subject: (process: Process) => Subject
  readonly target: GaussianMixture
  /** NFE of a sample, and of a step. */
  readonly budgets: readonly number[]
  readonly cost: number
}

const worlds: readonly World[] = [
  {
    subject: (process) => worldSubject(plane, allClasses, process),
    ...{ target: allClasses, budgets: [4, 5, 10, 15, 20, 50, 100], cost: 1 },
  },
  {
    subject: (process) => guidedWorld(guidedPlane, allClasses, oneClass, scale, process),
    ...{ target: oneClass, budgets: [4, 8, 10, 20, 50, 100], cost: 2 },
  },
]

/** Adds the distances of all chains to the data, without and with guidance. */
export async function addPlane(results: Results, samples: number): Promise<void> {
  const { seeds } = results
  for (const { subject, target, budgets, cost } of worlds) {
    const { values, floor } = worldW2(target, seeds, samples)
    for (const budget of budgets) {
      const steps = budget / cost
      for (const { method, solver, process } of chains(steps)) {
        const own = subject(process)
        const drawn = await drawSamples({ subject: own }, solver(process, uniformGrid(process, steps)), seeds, samples)
        results.add({ method, setting: own.name, metric: w2, budget, nfe: budget, values: await values(drawn) })
      }
    }
    const setting = subject(chains(4)[0].process).name
    if (floor) results.add({ method: floor.name, setting, metric: w2, nfe: 0, values: await floor.values() })
  }
}
