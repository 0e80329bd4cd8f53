/** What every plot has around its marks: title, subtitle, legend, axis names. Drawn without a browser. */

import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import { escapeXml } from './escape.ts'

/** Colours that the common kinds of colour blindness keep apart (Okabe & Ito 2008), without its yellow and black. */
export const palette = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#8A8A8A'] as const

/** A second sign beside the colour: the shape of the marker. */
export const symbols = ['circle', 'square', 'triangle', 'diamond', 'star', 'wye', 'cross'] as const

/** What the options of every kind of plot share. */
export interface FrameOptions {
  readonly title: string
  readonly subtitle?: string
  /** Pixels. Below 520 the names of series stand in a legend on top. Default 720. */
  readonly width?: number
  /** Pixels, without the title. Default 440, or 360 below 520 of width. */
  readonly height?: number
  /** `white` for a file, `none` inside a page, whose text colour the plot then takes. Default `white`. */
  readonly background?: 'white' | 'none'
}

export interface Frame {
  readonly options: FrameOptions
  readonly xLabel: string
  readonly yLabel: string
  /** Room at the right edge, for names at the ends of lines. Default: a narrow edge. */
  readonly marginRight?: number
  /** Names of a legend on top, with their places in the palette. */
  readonly legend?: readonly { readonly name: string; readonly index: number }[]
  /** Scales and marks. */
  readonly plot: Plot.PlotOptions
  /** Adds words inside the drawing, once the scales are known. */
  readonly annotate?: (canvas: Canvas) => void
}

export interface Canvas {
  readonly width: number
  x(value: number): number
  y(value: number): number
  text(text: string, attributes: Readonly<Record<string, string | number>>): void
}

/** Pixels of the body text. */
export const fontSize = 13
const titleSize = 16
const font = "system-ui, 'DejaVu Sans', sans-serif"

export function isNarrow({ width = 720 }: FrameOptions): boolean {
  return width < 520
}

const margin = { left: 64, bottom: 48, right: 14 } as const
/** `height` counts from here, a little above the names of the axes, so that titles do not eat the drawing. */
const headRoom = 60

/** Width over height of the drawing inside its frame. */
export function innerAspect(width: number, height: number): number {
  return (width - margin.left - margin.right) / (height - headRoom - margin.bottom)
}

/** Draws a plot in its frame. @returns an SVG document */
export function drawFramed({
  options,
  xLabel,
  yLabel,
  marginRight = margin.right,
  legend = [],
  plot,
  annotate,
}: Frame): string {
  const width = options.width ?? 720
  const height = options.height ?? (isNarrow(options) ? 360 : 440)
  const titleRows = wrap(options.title, Math.floor(width / (titleSize * 0.7)))
  const headRows = wrap(options.subtitle ?? '', Math.floor(width / (fontSize * 0.56)))
  const legendLines = legendRows(legend, width)
  const head = 24 + titleRows.length * 20
  const marginTop = head - 10 + headRows.length * 18 + legendLines.length * 20 + 26

  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const drawn = Plot.plot({
    ...plot,
    document: document as unknown as Document,
    width,
    height: height + marginTop - headRoom,
    marginTop,
    marginRight,
    marginBottom: margin.bottom,
    marginLeft: margin.left,
    style: { fontFamily: font, fontSize: `${fontSize}px`, overflow: 'visible' },
  })
  const svg = drawn as unknown as SVGElement
  for (const style of Array.from(svg.querySelectorAll('style'))) style.remove()
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  svg.setAttribute('fill', 'currentColor')

  const scale = (name: 'x' | 'y') => (value: number) => (drawn.scale(name) as Plot.Scale).apply(value) as number
  const text: Canvas['text'] = (words, attributes) => {
    const node = document.createElementNS('http://www.w3.org/2000/svg', 'text')
    for (const [name, value] of Object.entries({ fill: 'currentColor', 'text-anchor': 'start', ...attributes })) {
      node.setAttribute(name, String(value))
    }
    node.textContent = words
    svg.appendChild(node as unknown as Node)
  }
  titleRows.forEach((row, i) => {
    text(row, { x: 12, y: 24 + 20 * i, 'font-size': titleSize, 'font-weight': 'bold' })
  })
  headRows.forEach((row, i) => {
    text(row, { x: 12, y: head + 18 * i, 'fill-opacity': 0.72 })
  })
  legendLines.forEach((row, r) => {
    for (const entry of row) {
      const top = head + headRows.length * 18 + 20 * r
      text('■', { x: entry.x, y: top, fill: palette[entry.index % palette.length] })
      text(entry.name, { x: entry.x + 16, y: top })
    }
  })
  text(`↑ ${yLabel}`, { x: 12, y: marginTop - 14, 'fill-opacity': 0.72 })
  const below = height + marginTop - headRoom - 8
  text(`${xLabel} →`, { x: width - marginRight, y: below, 'text-anchor': 'end', 'fill-opacity': 0.72 })
  annotate?.({ width, x: scale('x'), y: scale('y'), text })

  const standalone = options.background !== 'none'
  if (standalone) svg.setAttribute('color', '#1f2328')
  // The DOM serialises attributes as HTML, where a bare & may stand; text from outside enters the tag escaped here.
  const tag = `<svg role="img" aria-label="${escapeXml(options.title)}"`
  const paper = standalone ? '<rect width="100%" height="100%" fill="#ffffff"/>' : ''
  return svg.outerHTML.replace(/^<svg([^>]*>)/, (_, rest: string) => `${tag}${rest}${paper}`)
}

/** `20k` for 20000, `1e-4` for 0.0001, `0.25` for 0.25. */
export function compact(value: number): string {
  const size = Math.abs(value)
  if (value === 0) return '0'
  if (size >= 1e3 && size < 1e9) {
    const [divisor, unit] = size >= 1e6 ? [1e6, 'M'] : [1e3, 'k']
    return `${Number((value / divisor).toPrecision(3))}${unit}`
  }
  if (size < 1e-3 || size >= 1e9) return value.toExponential(0).replace('e+', 'e')
  return String(Number(value.toPrecision(3)))
}

interface LegendEntry {
  readonly index: number
  readonly name: string
  readonly x: number
}

function legendRows(entries: NonNullable<Frame['legend']>, width: number): LegendEntry[][] {
  const rows: LegendEntry[][] = []
  let x = width
  for (const { name, index } of entries) {
    const needed = 16 + name.length * fontSize * 0.6 + 14
    if (x + needed > width) {
      rows.push([])
      x = 12
    }
    rows[rows.length - 1].push({ index, name, x })
    x += needed
  }
  return rows
}

function wrap(text: string, columns: number): string[] {
  const rows: string[] = []
  let row = ''
  for (const word of text.split(/\s+/).filter(Boolean)) {
    if (row && row.length + 1 + word.length > columns) {
      rows.push(row)
      row = word
    } else {
      row = row ? `${row} ${word}` : word
    }
  }
  if (row) rows.push(row)
  return rows
}
