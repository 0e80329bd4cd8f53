import type { Stream } from 'espalier/tensor'
import type { LabelledImages } from './images.ts'

export interface Augmentation {
  /** Largest shift in pixels, rotation in radians, and relative change of size; each is drawn evenly. */
  readonly shift: number
  readonly rotation: number
  readonly scale: number
}

/** Writes an image, randomly shifted, rotated and scaled (bilinear), with values from [-1, 1]; outside is background. */
export function writeAugmented(
  images: LabelledImages,
  index: number,
  { shift, rotation, scale }: Augmentation,
  draws: Stream,
  out: Float32Array,
  offset: number,
): void {
  const { height, width, pixels } = images
  const even = (range: number) => (2 * draws.uniform() - 1) * range
  const angle = even(rotation)
  const size = Math.exp(even(scale))
  const [cos, sin] = [Math.cos(angle) / size, Math.sin(angle) / size]
  const [middleX, middleY] = [(width - 1) / 2, (height - 1) / 2]
  const [shiftX, shiftY] = [even(shift), even(shift)]
  const start = index * height * width
  const at = (row: number, column: number) =>
    row >= 0 && row < height && column >= 0 && column < width ? pixels[start + row * width + column] : 0
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      const dx = column - middleX - shiftX
      const dy = row - middleY - shiftY
      const sourceX = cos * dx - sin * dy + middleX
      const sourceY = sin * dx + cos * dy + middleY
      const left = Math.floor(sourceX)
      const top = Math.floor(sourceY)
      const fx = sourceX - left
      const fy = sourceY - top
      const value =
        (1 - fy) * ((1 - fx) * at(top, left) + fx * at(top, left + 1)) +
        fy * ((1 - fx) * at(top + 1, left) + fx * at(top + 1, left + 1))
      out[offset + row * width + column] = value / 127.5 - 1
    }
}
