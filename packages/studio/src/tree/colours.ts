/**
 * Cividis (Nuñez, Anderton, Renslow 2018), which reads alike with and without a red-green deficiency: eleven points of
 * its curve, joined linearly.
 */
const cividis: readonly (readonly [number, number, number])[] = [
  [0, 34, 78],
  [18, 53, 112],
  [59, 73, 108],
  [87, 93, 109],
  [112, 113, 115],
  [138, 134, 120],
  [165, 156, 116],
  [195, 179, 105],
  [225, 204, 85],
  [240, 217, 70],
  [254, 232, 56],
]

/** 64 colours from low to high. */
export const scale: readonly string[] = Array.from({ length: 64 }, (_, i) => {
  const at = (i / 63) * (cividis.length - 1)
  const k = Math.min(cividis.length - 2, Math.floor(at))
  const mix = (c: 0 | 1 | 2) => Math.round(cividis[k][c] + (at - k) * (cividis[k + 1][c] - cividis[k][c]))
  return `rgb(${mix(0)} ${mix(1)} ${mix(2)})`
})

/** @param shade from 0 to 1 */
export function colour(shade: number): string {
  return scale[Math.max(0, Math.min(63, Math.floor(shade * 64)))]
}
