import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/**
 * Physical cores that this process may use. Two threads of one core share its vector units, so a second one is no
 * gain for dense arithmetic.
 */
export function physicalCores(): number {
  return Math.max(1, Math.floor(availableParallelism() / (hyperthreaded() ? 2 : 1)))
}

function hyperthreaded(): boolean {
  if (process.platform !== 'linux') return process.arch === 'x64'
  try {
    return readFileSync('/sys/devices/system/cpu/smt/active', 'utf8').trim() === '1'
  } catch {
    return false
  }
}
