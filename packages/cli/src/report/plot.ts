/** Line plots with 95% bands as SVG strings, drawn by Observable Plot without a browser, and their PNGs. */

import { createRequire } from 'node:module'
import * as Plot from '@observablehq/plot'
import { Resvg } from '@resvg/resvg-js'
import { parseHTML } from 'linkedom'
import { escapeXml } from './escape.ts'

/** Colours that the common kinds of colour blindness keep apart (Okabe & Ito 2008), without its yellow and black. */
export const palette = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#8A8A8A'] as const

/** One point of a line; `low` and `high` bound its 95% band. */
export interface PlotPoint {
  readonly x: number
  readonly y: number
  readonly low?: number
  readonly high?: number
}

export interface PlotSeries {
  readonly name: string
  readonly points: readonly PlotPoint[]
  /** Dashed, for controls and references. */
  readonly dashed?: boolean
}

export interface PlotAxis {
  readonly label: string
  /** Logarithmic. Every value must then be positive; a band that reaches 0 is cut at the bottom of the frame. */
  readonly log?: boolean
}

export interface LinePlotOptions {
  readonly title: string
  readonly subtitle?: string
  readonly x: PlotAxis
  readonly y: PlotAxis
  readonly series: readonly PlotSeries[]
  /** Horizontal lines with a name, such as a floor or an exact value. */
  readonly references?: readonly { readonly y: number; readonly label: string }[]
  /** `step`: the value holds until the next point, as a best-so-far does. Default `line`. */
  readonly curve?: 'line' | 'step'
  /** Pixels. Below 520 the names move from the line ends to a legend on top. Default 720. */
  readonly width?: number
  /** Pixels, without the title. Default 440, or 360 below 520 of width. */
  readonly height?: number
  /** `white` for a file, `none` inside a page, whose text colour the plot then takes. Default `white`. */
  readonly background?: 'white' | 'none'
}

const font = "system-ui, 'DejaVu Sans', sans-serif"
const symbols = ['circle', 'square', 'triangle', 'diamond', 'star', 'wye', 'cross'] as const
/** Mean advance of a character of the interface font, in em; good enough to reserve room. */
const advance = 0.6

/**
 * Draws lines with markers and 95% bands: reward against NFE, error against NFE.
 *
 * @returns a standalone SVG document
 * @throws if there is nothing to draw, or a value is not finite, or not positive on a logarithmic axis
 */
export function linePlot(options: LinePlotOptions): string {
  checkSeries(options)
  const { series, x, y, references = [] } = options
  const width = options.width ?? 720
  const narrow = width < 520
  const height = options.height ?? (narrow ? 360 : 440)
  const size = 13
  const longest = Math.max(...series.map((s) => s.name.length))
  const titleRows = wrap(options.title, Math.floor(width / (16 * 0.7)))
  const headRows = wrap(options.subtitle ?? '', Math.floor(width / (size * 0.56)))
  const legend = narrow ? legendRows(series, width, size) : []
  const head = 24 + titleRows.length * 20
  const marginTop = head - 10 + headRows.length * 18 + legend.length * 20 + 26
  const marginRight = narrow ? 14 : Math.min(width / 3, longest * size * 0.68 + 20)
  const curve = options.curve === 'step' ? 'step-after' : 'linear'
  const floor = y.log ? smallest(options) : Number.NEGATIVE_INFINITY
  const ticksX = ticks(
    x,
    series.flatMap((s) => s.points.map((p) => p.x)),
    narrow ? 4 : 7,
  )
  const ticksY = ticks(y, [...references.map((r) => r.y), ...series.flatMap((s) => extent(s, floor))], 6)

  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const plot = Plot.plot({
    document: document as unknown as Document,
    width,
    height: height + marginTop - 60,
    marginTop,
    marginRight,
    marginBottom: 48,
    marginLeft: 64,
    style: { fontFamily: font, fontSize: `${size}px`, overflow: 'visible' },
    x: { type: x.log ? 'log' : 'linear', nice: !x.log, label: null },
    y: { type: y.log ? 'log' : 'linear', nice: !y.log, label: null },
    symbol: { type: 'identity' } as Plot.ScaleOptions,
    marks: [
      Plot.gridY({ stroke: 'currentColor', strokeOpacity: 0.12, ticks: ticksY }),
      Plot.axisX({ label: null, tickSize: 5, ticks: ticksX, tickFormat: compact }),
      Plot.axisY({ label: null, tickSize: 0, ticks: ticksY, tickFormat: compact }),
      ...references.map((reference) =>
        Plot.ruleY([reference.y], { stroke: 'currentColor', strokeOpacity: 0.55, strokeDasharray: '2,4' }),
      ),
      ...series.map((s, i) => band(s, i, curve, floor)),
      ...series.flatMap((s, i) => line(s, i, curve)),
    ],
  }) as unknown as SVGSVGElement & { scale(name: string): { apply(value: number): number } }

  const svg = plot as unknown as SVGElement
  for (const style of Array.from(svg.querySelectorAll('style'))) style.remove()
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  const add = (text: string, attributes: Record<string, string | number>) => {
    const node = document.createElementNS('http://www.w3.org/2000/svg', 'text')
    for (const [name, value] of Object.entries({ fill: 'currentColor', 'text-anchor': 'start', ...attributes })) {
      node.setAttribute(name, String(value))
    }
    node.textContent = text
    svg.appendChild(node as unknown as Node)
  }

  titleRows.forEach((row, i) => {
    add(row, { x: 12, y: 24 + 20 * i, 'font-size': 16, 'font-weight': 'bold' })
  })
  headRows.forEach((row, i) => {
    add(row, { x: 12, y: head + 18 * i, 'fill-opacity': 0.72 })
  })
  legend.forEach((row, r) => {
    for (const entry of row) {
      const top = head + headRows.length * 18 + 20 * r
      add('■', { x: entry.x, y: top, fill: palette[entry.index % palette.length] })
      add(entry.name, { x: entry.x + 16, y: top })
    }
  })
  add(`↑ ${y.label}`, { x: 12, y: marginTop - 14, 'fill-opacity': 0.72 })
  add(`${x.label} →`, {
    x: width - marginRight,
    y: height + marginTop - 68,
    'text-anchor': 'end',
    'fill-opacity': 0.72,
  })
  for (const reference of references) {
    const top = plot.scale('y').apply(reference.y)
    add(reference.label, { x: 70, y: top - 5, 'font-size': 11, 'fill-opacity': 0.72 })
  }
  if (!narrow) {
    const ends = series.map((s, index) => ({ index, y: plot.scale('y').apply(s.points[s.points.length - 1].y) }))
    for (const end of spread(ends, size + 4)) {
      add(series[end.index].name, {
        x: width - marginRight + 12,
        y: end.y + size * 0.36,
        fill: palette[end.index % palette.length],
        'font-weight': 'bold',
      })
    }
  }

  svg.setAttribute('fill', 'currentColor')
  const standalone = options.background !== 'none'
  if (standalone) svg.setAttribute('color', '#1f2328')
  // The DOM serialises attributes as HTML, where a bare & may stand; text from outside enters the tag escaped here.
  const tag = `<svg role="img" aria-label="${escapeXml(options.title)}"`
  const paper = standalone ? '<rect width="100%" height="100%" fill="#ffffff"/>' : ''
  return svg.outerHTML.replace(/^<svg([^>]*>)/, (_, rest: string) => `${tag}${rest}${paper}`)
}

/**
 * Renders an SVG document with the fonts that this package brings along, so that it looks the same on every machine.
 *
 * @param zoom device pixels per SVG pixel. Default 2
 * @returns the bytes of a PNG file
 */
export function svgToPng(svg: string, zoom = 2): Uint8Array {
  const rendered = new Resvg(svg, {
    fitTo: { mode: 'zoom', value: zoom },
    font: {
      loadSystemFonts: false,
      fontFiles: fontFiles(),
      defaultFontFamily: 'DejaVu Sans',
      sansSerifFamily: 'DejaVu Sans',
      monospaceFamily: 'DejaVu Sans Mono',
    },
  }).render()
  return new Uint8Array(rendered.asPng())
}

function fontFiles(): string[] {
  const require = createRequire(import.meta.url)
  return ['DejaVuSans', 'DejaVuSans-Bold', 'DejaVuSansMono'].map((name) =>
    require.resolve(`dejavu-fonts-ttf/ttf/${name}.ttf`),
  )
}

function checkSeries({ series, x, y }: LinePlotOptions): void {
  if (series.length === 0) throw new Error('linePlot: no series were given, at least one is needed')
  for (const s of series) {
    if (s.points.length === 0) throw new Error(`linePlot: series "${s.name}" has no points`)
    for (const point of s.points) {
      if (!Number.isFinite(point.x) || !Number.isFinite(point.y)) {
        throw new Error(`linePlot: series "${s.name}" has the point (${point.x}, ${point.y}); both must be finite`)
      }
      if ((x.log && point.x <= 0) || (y.log && point.y <= 0)) {
        throw new Error(`linePlot: series "${s.name}" has (${point.x}, ${point.y}) on a logarithmic axis`)
      }
    }
  }
}

type Curve = 'linear' | 'step-after'

function band(series: PlotSeries, index: number, curve: Curve, floor: number): Plot.Markish {
  const points = series.points.filter((p) => Number.isFinite(p.low) && Number.isFinite(p.high))
  return Plot.areaY(points, {
    x: 'x',
    y1: (p: PlotPoint) => Math.max(p.low!, floor),
    y2: 'high',
    fill: palette[index % palette.length],
    fillOpacity: 0.15,
    curve,
  })
}

function line(series: PlotSeries, index: number, curve: Curve): Plot.Markish[] {
  const colour = palette[index % palette.length]
  const strokeDasharray = series.dashed ? '6,4' : undefined
  const marks = [
    Plot.lineY(series.points, { x: 'x', y: 'y', stroke: colour, strokeWidth: 2.2, strokeDasharray, curve }),
  ]
  if (series.points.length > 40) return marks
  // A second sign beside the colour: the shape of the marker.
  const symbol = symbols[index % symbols.length]
  return [...marks, Plot.dot(series.points, { x: 'x', y: 'y', fill: colour, r: 3.4, symbol })]
}

/** Plot's own choice on a linear axis; on a logarithmic one as many of 1, 2, 5 per decade as stay legible. */
function ticks(axis: PlotAxis, values: readonly number[], count: number): number | number[] {
  if (!axis.log) return count
  const low = Math.min(...values)
  const high = Math.max(...values)
  const decades = Math.log10(high / low)
  const steps = decades < 0.9 ? [1, 1.5, 2, 3, 4, 5, 7] : decades < count / 2 ? [1, 2, 5] : [1]
  const chosen: number[] = []
  for (let k = Math.floor(Math.log10(low)); k <= Math.ceil(Math.log10(high)); k++) {
    for (const step of steps) {
      const tick = Number(`${step}e${k}`)
      if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)) chosen.push(tick)
    }
  }
  return chosen.length > 0 ? chosen : [low]
}

function extent(series: PlotSeries, floor: number): number[] {
  return series.points.flatMap((p) => [p.y, Math.max(p.low ?? p.y, floor), p.high ?? p.y]).filter(Number.isFinite)
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

function smallest({ series }: LinePlotOptions): number {
  const bounds = series.flatMap((s) => s.points.flatMap((p) => [p.y, p.low ?? p.y]))
  return Math.min(...bounds.filter((value) => value > 0))
}

/** Moves labels apart vertically until no two are nearer than `gap`, keeping their order. */
function spread<T extends { y: number }>(labels: readonly T[], gap: number): T[] {
  const sorted = labels.map((label) => ({ ...label })).sort((a, b) => a.y - b.y)
  for (let pass = 0; pass < 50; pass++) {
    for (let i = 1; i < sorted.length; i++) {
      const overlap = gap - (sorted[i].y - sorted[i - 1].y)
      if (overlap <= 0) continue
      sorted[i].y += overlap / 2
      sorted[i - 1].y -= overlap / 2
    }
  }
  return sorted
}

interface LegendEntry {
  readonly index: number
  readonly name: string
  readonly x: number
}

function legendRows(series: readonly PlotSeries[], width: number, size: number): LegendEntry[][] {
  const rows: LegendEntry[][] = [[]]
  let x = 12
  series.forEach(({ name }, index) => {
    const needed = 16 + name.length * size * advance + 14
    if (x > 12 && x + needed > width) {
      rows.push([])
      x = 12
    }
    rows[rows.length - 1].push({ index, name, x })
    x += needed
  })
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
