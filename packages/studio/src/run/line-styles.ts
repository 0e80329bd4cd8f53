/**
 * How the lines of a chart are told apart: by colour, by dash, and by marker. The colours are those of Okabe and Ito,
 * made lighter or darker until they have contrast on the surface.
 */
export const inks = {
  light: ['#0072b2', '#b34e00', '#007a5a', '#a0407c'],
  dark: ['#56b4e9', '#e69f00', '#2fc79a', '#e08fbd'],
} as const
export const dashes = [[], [8, 5], [2, 4], [10, 4, 2, 4]] as const

/** Markers around the origin, as the corners of a path; a circle has none. */
const corners: readonly (readonly (readonly [number, number])[])[] = [
  [],
  [
    [-4, -4],
    [4, -4],
    [4, 4],
    [-4, 4],
  ],
  [
    [0, -5],
    [5, 4],
    [-5, 4],
  ],
  [
    [0, -5.5],
    [5.5, 0],
    [0, 5.5],
    [-5.5, 0],
  ],
]

/** A marker as the data of an SVG path, and so of a `Path2D`. @param size 1 is nine pixels wide */
export function markerPath(style: number, x: number, y: number, size = 1): string {
  const given = corners[style % corners.length]
  const r = 4.5 * size
  if (given.length === 0) return `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`
  return `M${given.map(([dx, dy]) => `${x + size * dx} ${y + size * dy}`).join('L')}Z`
}
