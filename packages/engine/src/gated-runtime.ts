import type { Runtime, Session } from 'espalier/runtime'
import type { Gate } from './gate.ts'

/**
 * A runtime for one run: every call of a network passes the gate, and all that was loaded is released together.
 * Closing it closes nothing else.
 */
export function gatedRuntime(runtime: Runtime, gate: Gate): Runtime {
  const open = new Set<Session>()
  return {
    name: runtime.name,
    async load(model, options) {
      const session = await runtime.load(model, options)
      const gated: Session = {
        inputs: session.inputs,
        outputs: session.outputs,
        run: (...given) => gate.through(() => session.run(...given)),
        async release() {
          if (open.delete(gated)) await session.release()
        },
      }
      open.add(gated)
      return gated
    },
    async close() {
      await Promise.all([...open].map((session) => session.release()))
    },
  }
}
