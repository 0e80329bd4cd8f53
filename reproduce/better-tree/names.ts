import type { ReproductionResult, ReproductionRow } from '../result.ts'
import type { Method } from './methods.ts'
import type { WorldName } from './worlds.ts'

/** What is measured in every world. */
export const metrics = {
  distance: (world: WorldName) => `${world}: total variation of mode masses`,
  z: (world: WorldName) => `${world}: estimated Z over Z`,
  size: (world: WorldName) => `${world}: effective samples, 1 / relative mean square error of Z`,
  gap: (world: WorldName) => `${world}: highest reward less best found`,
  distinct: (world: WorldName) => `${world}: distinct samples of 200`,
} as const

/** The row of a method at about this budget: methods leave what does not pay a whole rollout. */
export function find(
  { table }: Pick<ReproductionResult, 'table'>,
  { method, setting }: Pick<Method, 'method' | 'setting'>,
  metric: string,
  budget: number,
): ReproductionRow | undefined {
  return table.find(
    (r) =>
      r.method === method && r.setting === setting && r.metric === metric && Math.abs(Math.log(r.nfe / budget)) < 1,
  )
}
