import { decode } from 'fast-png'
import { describe, expect, it } from 'vitest'
import { contactSheet, isImageShape, picturesOf, pictureToPng } from '../src/report/contact-sheet.ts'
import { escapeXml } from '../src/report/escape.ts'
import { compact } from '../src/report/frame.ts'
import { renderReport } from '../src/report/html.ts'
import { linePlot } from '../src/report/line-plot.ts'
import { svgToPng } from '../src/report/raster.ts'
import { scatterPlot } from '../src/report/scatter-plot.ts'
import { formatDuration, formatInterval, formatNumber, tableToText } from '../src/report/table.ts'

const series = [
  { name: 'DTS*', points: [1, 2, 3].map((i) => ({ x: 10 ** i, y: i, low: i - 0.5, high: i + 0.5 })) },
  { name: 'best-of-N', points: [1, 2, 3].map((i) => ({ x: 10 ** i, y: i / 2 })) },
]
const plot = { title: 'Reward & budget', x: { label: 'NFE', log: true }, y: { label: 'reward' }, series }

describe('linePlot', () => {
  it('draws a line, markers and a band for each series, and names them', () => {
    const svg = linePlot(plot)
    expect(svg).toMatch(/^<svg/)
    expect(svg.match(/aria-label="line"/g)).toHaveLength(2)
    expect(svg.match(/aria-label="dot"/g)).toHaveLength(2)
    expect(svg.match(/aria-label="area"/g)!.length).toBeGreaterThanOrEqual(1)
    expect(svg).toContain('>DTS*</text>')
    expect(svg).toContain('>best-of-N</text>')
    expect(svg).toContain('Reward &#38; budget')
    expect(svg).not.toContain('NaN')
  })

  it('puts equal factors at equal distances on a logarithmic axis', () => {
    const path = linePlot(plot).match(/aria-label="line"[^>]*>.*? d="M([^"]*)"/)![1]
    const xs = path.split('L').map((point) => Number(point.split(',')[0]))
    expect(xs).toHaveLength(3)
    expect(xs[1] - xs[0]).toBeCloseTo(xs[2] - xs[1], 6)
  })

  it('rings a front and leads a staircase over it, to the right edge, in the colour of the text', () => {
    const front = [
      { x: 400, y: 3 },
      { x: 20, y: 1 },
    ]
    const points = [20, 400, 8000].map((x) => ({ x, y: 1 }))
    const svg = linePlot({ ...plot, series: [{ name: 'a', points }], front })
    const rings = [...svg.matchAll(/<circle[^>]*r="7.5"[^>]*>/g)].map(([tag]) => ({
      x: Number(/cx="([^"]*)"/.exec(tag)![1]),
      y: Number(/cy="([^"]*)"/.exec(tag)![1]),
    }))
    expect(rings).toHaveLength(2)
    const [stairs] = [...svg.matchAll(/<g [^>]*stroke-dasharray="0.1,4.5"[^>]*>.*?<\/g>/g)].map(([group]) => group)
    expect(stairs).toContain('stroke="currentColor"')
    const [left, right] = rings
    const path = / d="M([^"]*)"/
      .exec(stairs)![1]
      .split('L')
      .map((point) => point.split(',').map(Number))
    // Along at the height of the first, up at the second, and on to the last budget.
    const corners = [
      [left.x, left.y],
      [right.x, left.y],
      [right.x, right.y],
      [2 * right.x - left.x, right.y],
    ]
    for (const [x, y] of corners) {
      expect(path.some((corner) => Math.hypot(corner[0] - x, corner[1] - y) < 0.01)).toBe(true)
    }
    expect(linePlot(plot)).not.toContain('front')
  })

  it('leaves the markers of lesser points hollow', () => {
    const points = [20, 400, 8000].map((x) => ({ x, y: 1, hollow: x === 400 }))
    const dots = (background: 'white' | 'none') => {
      const svg = linePlot({ ...plot, series: [{ name: 'a', points }], background })
      return [...svg.matchAll(/<g ([^>]*)aria-label="dot">(.*?)<\/g>/g)].map(([, style, marks]) => [
        /fill="([^"]*)"/.exec(style)![1],
        marks.match(/<circle/g)!.length,
      ])
    }
    expect(dots('white')).toEqual([
      ['#0072B2', 2],
      ['white', 1],
    ])
    expect(dots('none')[1]).toEqual(['none', 1])
  })

  it('names every tick that it draws', () => {
    const points = [20, 300, 4000].map((x) => ({ x, y: x }))
    const svg = linePlot({ ...plot, y: { label: 'y', log: true }, series: [{ name: 'a', points }] })
    const labels = [...svg.matchAll(/aria-label="(.)-axis tick label">(.*?)<\/g>/g)].map(([, axis, body]) => [
      axis,
      [...body.matchAll(/<text[^>]*?(?:\/>|>([^<]*)<)/g)].map((match) => match[1]),
    ])
    expect(Object.fromEntries(labels).x).toEqual(['20', '50', '100', '200', '500', '1k', '2k'])
    expect(Object.fromEntries(labels).y).toEqual(['20', '50', '100', '200', '500', '1k', '2k'])
  })

  it('refuses what it cannot draw, naming the series', () => {
    expect(() => linePlot({ ...plot, series: [] })).toThrow(/no series/)
    expect(() => linePlot({ ...plot, series: [{ name: 'a', points: [] }] })).toThrow(/"a" has no points/)
    const nan = [{ name: 'a', points: [{ x: 1, y: Number.NaN }] }]
    expect(() => linePlot({ ...plot, series: nan })).toThrow(/"a".*finite/)
    const zero = [{ name: 'a', points: [{ x: 0, y: 1 }] }]
    expect(() => linePlot({ ...plot, series: zero })).toThrow(/logarithmic/)
  })

  it('becomes a PNG of twice its size, with text in it', () => {
    const png = decode(svgToPng(linePlot({ ...plot, width: 600 })))
    expect(png.width).toBe(1200)
    // The title's rows hold dark pixels only if a font was found.
    let dark = 0
    for (let y = 0; y < 56; y++) {
      for (let x = 0; x < png.width; x++) if (png.data[(y * png.width + x) * png.channels] < 100) dark++
    }
    expect(dark).toBeGreaterThan(500)
  })

  it('writes numbers shortly', () => {
    expect([0, 20000, 1500000, 0.25, 1e-4, 3e9, -2000].map(compact)).toEqual([
      '0',
      '20k',
      '1.5M',
      '0.25',
      '1e-4',
      '3e9',
      '-2k',
    ])
  })
})

describe('scatterPlot', () => {
  it('draws every point, with equal units on both axes', () => {
    const corners = [-1, 1].flatMap((x) => [-3, 3].map((y) => ({ x, y })))
    const svg = scatterPlot({ title: 'Samples', series: [{ name: 'a', points: corners }] })
    const dots = [...svg.matchAll(/<circle[^>]*>/g)].map(([tag]) => ({
      x: Number(/cx="([^"]*)"/.exec(tag)![1]),
      y: Number(/cy="([^"]*)"/.exec(tag)![1]),
    }))
    expect(dots).toHaveLength(4)
    expect((dots[2].x - dots[0].x) / 2).toBeCloseTo((dots[0].y - dots[1].y) / 6, 0)
    expect(() => scatterPlot({ title: 'none', series: [] })).toThrow(/no points/)
  })
})

describe('contactSheet', () => {
  const samples = { shape: [3, 1, 4, 4], data: Float32Array.from({ length: 48 }, (_, i) => (i % 16) / 7.5 - 1) }

  it('maps the value range to 0..255 and clips outside', () => {
    const [first] = picturesOf(samples)
    expect(Array.from(first.pixels.slice(0, 2))).toEqual([0, 17])
    expect(first.pixels[15]).toBe(255)
    const wide = picturesOf({ shape: [1, 1, 2, 2], data: Float32Array.of(-9, 0, 1, 9) }, [0, 1])
    expect(Array.from(wide[0].pixels)).toEqual([0, 0, 255, 255])
  })

  it('turns channel planes into interleaved RGB', () => {
    const [rgb] = picturesOf({ shape: [1, 3, 2, 2], data: Float32Array.from({ length: 12 }, (_, i) => i / 11) }, [0, 1])
    expect(rgb.channels).toBe(3)
    expect(Array.from(rgb.pixels.slice(0, 3))).toEqual([0, 4, 8].map((v) => Math.round((255 * v) / 11)))
  })

  it('enlarges by whole squares', () => {
    const png = decode(pictureToPng(picturesOf(samples)[0], 3))
    expect([png.width, png.height, png.channels]).toEqual([12, 12, 1])
    for (const [x, y] of [
      [3, 0],
      [4, 1],
      [5, 2],
    ])
      expect(png.data[y * 12 + x]).toBe(17)
  })

  it('has the size that its grid needs, and shows the pictures where they belong', () => {
    const png = decode(contactSheet([{ pictures: picturesOf(samples) }], { columns: 2, scale: 5 }))
    // Two columns and two rows of 20 pixels, 6 between them, 16 around.
    expect([png.width, png.height, png.channels]).toEqual([78, 78, 3])
    expect(png.data[(16 * 78 + 16) * 3]).toBe(0)
    expect(png.data[(35 * 78 + 35) * 3]).toBe(255)
    expect(png.data[(16 * 78 + 22) * 3]).toBe(17)
    // The fourth place is empty: white.
    expect(png.data[(45 * 78 + 45) * 3]).toBe(255)
  })

  it('makes room for captions and labels', () => {
    const pictures = picturesOf(samples).map((p, i) => ({ ...p, caption: `r = ${i}`, marked: i === 1 }))
    const plain = decode(contactSheet([{ pictures: picturesOf(samples) }], { columns: 3, scale: 10 }))
    const rich = decode(contactSheet([{ label: 'DTS*', pictures }], { columns: 3, scale: 10, title: 'Digits' }))
    expect(rich.height).toBeGreaterThan(plain.height + 40)
  })

  it('refuses samples that are no images', () => {
    expect(() => picturesOf({ shape: [5, 2], data: new Float32Array(10) })).toThrow(/\[5,2\] are no images/)
    expect(isImageShape([2])).toBe(false)
    expect(isImageShape([1, 28, 28])).toBe(true)
    expect(isImageShape([2, 28, 28])).toBe(false)
    expect(() => contactSheet([{ pictures: [] }])).toThrow(/no pictures/)
  })
})

describe('renderReport', () => {
  const page = renderReport({
    title: 'A <run>',
    lead: 'Done.',
    facts: [['NFE', '20 000']],
    sections: [
      {
        heading: 'Numbers',
        table: { columns: [{ name: 'method' }, { name: 'NFE', right: true }], rows: [['a & b', '1']] },
      },
      { heading: 'Curve', plot },
      {
        heading: 'Digits',
        pictures: [{ label: 'DTS*', pictures: [{ png: Uint8Array.of(1, 2, 3), alt: 'a "7"', caption: '0.9' }] }],
      },
    ],
    command: "espalier steer --reward '<x>'",
    configuration: { budget: 20000 },
  })

  it('is one self-contained page without a script or an outside address', () => {
    expect(page).toMatch(/^<!doctype html>/)
    expect(page).not.toMatch(/<script|<link|src="http|url\(http/)
    expect(page).toContain('src="data:image/png;base64,AQID"')
    expect(page).toContain('name="viewport"')
  })

  it('escapes everything that came from outside', () => {
    expect(page).toContain('A &#60;run&#62;')
    expect(page).toContain('a &#38; b')
    expect(page).toContain('&#39;&#60;x&#62;&#39;')
    expect(page).toContain('alt="a &#34;7&#34;"')
    expect(escapeXml('<&>')).toBe('&#60;&#38;&#62;')
  })

  it('draws the plot for wide and for narrow screens', () => {
    expect(page.match(/<svg/g)).toHaveLength(2)
    expect(page).toContain('prefers-color-scheme: dark')
  })
})

describe('tables', () => {
  it('aligns columns', () => {
    const table = {
      columns: [{ name: 'method' }, { name: 'NFE', right: true }],
      rows: [
        ['dts', '20 000'],
        ['bon', '5'],
      ],
    }
    expect(tableToText(table)).toBe(['method     NFE', '──────  ──────', 'dts     20 000', 'bon          5'].join('\n'))
    expect(() => tableToText({ ...table, rows: [['a']] })).toThrow(/1 cells/)
  })

  it('prints as many decimals of a mean as its interval carries', () => {
    expect(formatInterval({ mean: 1.23456, low: 1.1, high: 1.369, n: 5 })).toBe('1.235 [1.100, 1.369]')
    expect(formatInterval({ mean: 812.4, low: 700, high: 924.8, n: 5 })).toBe('812 [700, 925]')
    expect(formatInterval({ mean: 2, low: Number.NaN, high: Number.NaN, n: 1 })).toBe('2')
    expect(formatInterval({ mean: 2, low: 2, high: 2, n: 3 })).toBe('2 [2, 2]')
  })

  it('prints numbers and times for people', () => {
    expect([0.123456, 20000, 1234.56, 0.00001234, -3].map((x) => formatNumber(x))).toEqual([
      '0.123',
      '20 000',
      '1235',
      '1.23e-5',
      '-3',
    ])
    expect([0.5, 12.34, 245, 7620].map(formatDuration)).toEqual(['500 ms', '12.3 s', '4 min 05 s', '2 h 07 min'])
  })
})
