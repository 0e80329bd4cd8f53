/** The part of [0, 1] that is shown of a picture as wide as that. */
export interface View {
  readonly from: number
  readonly to: number
}

export const everything: View = { from: 0, to: 1 }

/** At most so much of the width is lost from sight by zooming in. */
const NARROWEST = 1e-5
/** Decimals of a view in an address: a hundredth of the narrowest. */
const DIGITS = 7

/** The nearest that can be shown: inside [0, 1], and not too narrow. */
export function shown(from: number, to: number): View {
  const span = Math.min(1, Math.max(NARROWEST, to - from))
  const start = Math.min(1 - span, Math.max(0, from))
  return { from: start, to: start + span }
}

/** @param factor of what is shown; below 1 it comes nearer @param at a point that stays where it is on the screen */
export function zoomed({ from, to }: View, factor: number, at = (from + to) / 2): View {
  return shown(at - (at - from) * factor, at + (to - at) * factor)
}

/** @param share of what is shown, to the right */
export function panned({ from, to }: View, share: number): View {
  const span = to - from
  const start = Math.min(1 - span, Math.max(0, from + share * span))
  return { from: start, to: start + span }
}

/** A view as it stands in an address; undefined where all is shown. */
export function viewText({ from, to }: View): string | undefined {
  const text = [from, to].map((share) => Number(share.toFixed(DIGITS))).join()
  return text === '0,1' ? undefined : text
}

/** Reads what {@link viewText} gave; all is shown where it is nothing of the kind. */
export function viewFrom(text: string | null): View {
  const [from, to, more] = (text ?? '').split(',').map(Number)
  return from < to && more === undefined ? shown(from, to) : everything
}
