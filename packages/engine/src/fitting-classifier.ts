import type { Reward } from 'espalier/reward'
import type { Runtime } from 'espalier/runtime'
import { lineOf } from './engine-error.ts'
import type { Opening } from './reward-kinds.ts'

/** A classifier among the models that are there. */
export interface FoundModel<Card> {
  readonly name: string
  readonly card: Card
  graph(): Promise<Uint8Array>
}

/**
 * The classifier that fits a model, and a label, best: one that is named after the model; one of its classes; one that
 * knows the label. Judges, which measure what searches have found, come last.
 *
 * @param classes those of the model, where it has some
 */
export function fittingClassifier<C extends { readonly classes: readonly string[] }>(
  classifiers: readonly { readonly name: string; readonly card: C }[],
  { model, classes, label }: { readonly model: string; readonly classes?: readonly string[]; readonly label?: string },
): { readonly name: string; readonly card: C } | undefined {
  const rank = ({ name, card }: (typeof classifiers)[number]) => {
    const same = classes !== undefined && String(card.classes) === String(classes)
    const knows = label !== undefined && card.classes.includes(label)
    return (name.startsWith(`${model}-`) ? 0 : 8) + (same ? 0 : knows ? 2 : 4) + Number(name.endsWith('-judge'))
  }
  return [...classifiers].sort((a, b) => rank(a) - rank(b))[0]
}

/** What goes wrong with a classifier, under its name. */
export function ofClassifier<X>(classifier: string, open: (runtime: Runtime) => Promise<Reward<X>>): Opening<X> {
  return async (runtime) => {
    try {
      return await open(runtime)
    } catch (error) {
      throw new Error(`the classifier ${classifier}: ${lineOf(error)}`, { cause: error })
    }
  }
}
