/** What forms and sheets ask of the library. Parts that few look at are files of their own. */

import type { ModelSource } from '@espalier/engine'
import type { Runtime } from 'espalier/runtime'
import type { Workshop } from './protocol.ts'
import { zooModels } from './zoo-names.ts'

export function workshopOf(place: { readonly source: ModelSource; readonly runtime: Runtime }): Workshop {
  return {
    inspect: async (bytes, beside) => (await import('./inspect.ts')).inspect(bytes, beside),
    analyse: async (...given) => (await import('./analysis.ts')).analyseSolver(...given),
    readPlan: async (json) => (await import('./analysis.ts')).analysePlan(json),
    bundle: async (plan) => (await import('./analysis.ts')).bundleOf(plan),
    ownCard: async (model) => (zooModels.some((name) => name === model) ? undefined : place.source.card(model)),
    probe: async (...given) => (await import('./probe.ts')).probe(...given, place),
    catalogue: async () => (await import('./catalogue.ts')).catalogue(),
  }
}
