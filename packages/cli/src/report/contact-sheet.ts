/** Grids of small images as one PNG: enlarged by a whole factor, so that every pixel stays a square. */

import type { Tensor } from 'espalier/tensor'
import { encode } from 'fast-png'
import { escapeXml } from './escape.ts'
import { palette } from './frame.ts'
import { svgToPng } from './raster.ts'

/** An 8-bit image, row-major, `[height, width, channels]` with 1 (grey) or 3 (RGB) channels. */
export interface Picture {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
  readonly pixels: Uint8Array
  /** A few characters below the picture, such as its reward. */
  readonly caption?: string
  /** Draws a coloured frame: the one that was selected. */
  readonly marked?: boolean
}

export interface PictureGroup {
  readonly label?: string
  readonly pictures: readonly Picture[]
}

export interface ContactSheetOptions {
  readonly title?: string
  /** Pictures a row. Default: up to 12 in one row, more near a square of at most 16 a row. */
  readonly columns?: number
  /** Whole enlargement factor. Default: the picture's longer side becomes about 84 pixels. */
  readonly scale?: number
}

/**
 * Images of a batch `[n, channels, height, width]` or `[n, height, width]`.
 *
 * @param range values of black and of white, such as `[-1, 1]`; what lies outside is clipped
 * @throws if the shape is not that of images
 */
export function picturesOf(samples: Tensor, range: readonly [number, number] = [-1, 1]): Picture[] {
  const { shape, data } = samples
  if (!isImageShape(shape.slice(1))) {
    throw new Error(
      `samples of shape [${shape}] are no images: [n, 1 or 3, height, width] or [n, height, width] needed`,
    )
  }
  const channels = shape.length === 4 ? (shape[1] as 1 | 3) : 1
  const [height, width] = shape.slice(-2)
  const area = height * width
  const [black, white] = range
  return Array.from({ length: shape[0] }, (_, n) => {
    const pixels = new Uint8Array(area * channels)
    for (let c = 0; c < channels; c++) {
      const offset = (n * channels + c) * area
      for (let i = 0; i < area; i++) {
        const unit = (data[offset + i] - black) / (white - black)
        pixels[i * channels + c] = Math.round(255 * Math.min(1, Math.max(0, unit)))
      }
    }
    return { width, height, channels, pixels }
  })
}

/** Whether one sample of this shape (without the batch axis) can be drawn. */
export function isImageShape(event: readonly number[]): boolean {
  if (event.length === 3) return (event[0] === 1 || event[0] === 3) && event[1] > 1 && event[2] > 1
  return event.length === 2 && event[0] > 1 && event[1] > 1
}

/** One picture as a PNG file. @param scale whole enlargement factor. Default 1 */
export function pictureToPng(picture: Picture, scale = 1): Uint8Array {
  const { width, height, channels } = picture
  const data = new Uint8Array(width * scale * height * scale * channels)
  for (let y = 0; y < height * scale; y++) {
    for (let x = 0; x < width * scale; x++) {
      const from = (Math.floor(y / scale) * width + Math.floor(x / scale)) * channels
      const to = (y * width * scale + x) * channels
      for (let c = 0; c < channels; c++) data[to + c] = picture.pixels[from + c]
    }
  }
  return encode({ width: width * scale, height: height * scale, data, channels, depth: 8 })
}

/**
 * Lays groups of pictures out below each other, each under its label.
 *
 * @returns the bytes of a PNG file
 * @throws if there is no picture, or sizes differ
 */
export function contactSheet(groups: readonly PictureGroup[], options: ContactSheetOptions = {}): Uint8Array {
  const layout = arrange(groups, options)
  const { width, height, cells, texts } = layout
  const data = new Uint8Array(width * height * 3).fill(255)
  for (const cell of cells) {
    if (cell.picture.marked) fillFrame(data, width, cell, layout.scale)
    paint(data, width, cell, layout.scale)
  }
  const raster = encode({ width, height, data, channels: 3, depth: 8 })
  if (texts.length === 0) return raster
  const labels = texts.map(
    (t) =>
      `<text x="${t.x}" y="${t.y}" font-size="${t.size}"${t.bold ? ' font-weight="bold"' : ''} text-anchor="${t.anchor}"` +
      ` fill="${t.bold ? '#1f2328' : '#57606a'}">${escapeXml(t.text)}</text>`,
  )
  const href = `data:image/png;base64,${Buffer.from(raster).toString('base64')}`
  return svgToPng(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="DejaVu Sans">` +
      `<image width="${width}" height="${height}" href="${href}" image-rendering="optimizeSpeed"/>${labels.join('')}</svg>`,
    1,
  )
}

const gap = 6
const edge = 16

interface Cell {
  readonly x: number
  readonly y: number
  readonly picture: Picture
}

interface Label {
  readonly x: number
  readonly y: number
  readonly size: number
  readonly text: string
  readonly anchor: 'start' | 'middle'
  readonly bold?: boolean
}

function arrange(groups: readonly PictureGroup[], options: ContactSheetOptions) {
  const all = groups.flatMap((group) => group.pictures)
  if (all.length === 0) throw new Error('contactSheet: no pictures were given, at least one is needed')
  const { width: w, height: h } = all[0]
  const odd = all.find((picture) => picture.width !== w || picture.height !== h)
  if (odd) throw new Error(`contactSheet: pictures of ${w}x${h} and ${odd.width}x${odd.height}; one size is needed`)

  const most = Math.max(...groups.map((group) => group.pictures.length))
  const columns = Math.min(
    most,
    options.columns ?? (most <= 12 ? most : Math.min(16, Math.ceil(Math.sqrt(most * 1.6)))),
  )
  const scale = options.scale ?? Math.max(1, Math.round(84 / Math.max(w, h)))
  const [cellWidth, cellHeight] = [w * scale, h * scale]
  const captionHeight = all.some((picture) => picture.caption !== undefined) ? 18 : 0
  // Half the width of a long caption sticks out of a small picture; the columns move apart for it.
  const longest = Math.max(0, ...all.map((picture) => picture.caption?.length ?? 0))
  const pitch = Math.max(cellWidth + gap, Math.ceil(longest * 7.2) + gap)

  const cells: Cell[] = []
  const texts: Label[] = []
  let y = edge
  if (options.title) {
    texts.push({ x: edge, y: y + 14, size: 16, text: options.title, anchor: 'start', bold: true })
    y += 32
  }
  for (const group of groups) {
    if (group.label) {
      texts.push({ x: edge, y: y + 12, size: 13, text: group.label, anchor: 'start', bold: true })
      y += 22
    }
    group.pictures.forEach((picture, i) => {
      const x = edge + (i % columns) * pitch
      const top = y + Math.floor(i / columns) * (cellHeight + gap + captionHeight)
      cells.push({ x, y: top, picture })
      if (picture.caption === undefined) return
      const middle = x + cellWidth / 2
      texts.push({ x: middle, y: top + cellHeight + 14, size: 11, text: picture.caption, anchor: 'middle' })
    })
    y += Math.ceil(group.pictures.length / columns) * (cellHeight + gap + captionHeight) + 8
  }
  const textWidth = Math.max(0, ...texts.filter((t) => t.anchor === 'start').map((t) => t.text.length * t.size * 0.68))
  const width = Math.ceil(2 * edge + Math.max(columns * pitch - gap, textWidth))
  return { width, height: y - 8 - gap + edge, cells, texts, scale }
}

function paint(data: Uint8Array, stride: number, { x, y, picture }: Cell, scale: number): void {
  const { width, height, channels, pixels } = picture
  for (let row = 0; row < height * scale; row++) {
    for (let column = 0; column < width * scale; column++) {
      const from = (Math.floor(row / scale) * width + Math.floor(column / scale)) * channels
      const to = ((y + row) * stride + x + column) * 3
      for (let c = 0; c < 3; c++) data[to + c] = pixels[from + (channels === 3 ? c : 0)]
    }
  }
}

function fillFrame(data: Uint8Array, stride: number, { x, y, picture }: Cell, scale: number): void {
  const colour = [1, 3, 5].map((i) => Number.parseInt(palette[1].slice(i, i + 2), 16))
  for (let row = -3; row < picture.height * scale + 3; row++) {
    for (let column = -3; column < picture.width * scale + 3; column++) {
      data.set(colour, ((y + row) * stride + x + column) * 3)
    }
  }
}
