/** Where a tree is drawn: a canvas, or the text of an SVG. Lengths are CSS pixels. */
export interface Surface {
  fill(x: number, y: number, width: number, height: number, style: string): void
  /** Diagonal lines: what is not known yet. */
  hatch(x: number, y: number, width: number, height: number, style: string): void
  /** A border inside the rectangle. */
  outline(x: number, y: number, width: number, height: number, style: string, thick: number): void
  /** @param y its middle @param most its width at most */
  text(text: string, x: number, y: number, style: string, most: number, size?: number): void
  /** The picture of a node, where there is one by now. */
  picture(node: number, x: number, y: number, side: number): void
  /** Runs what draws inside a rectangle, and shows nothing of it outside. */
  clipped(x: number, y: number, width: number, height: number, draw: () => void): void
  /** Runs what draws with its origin at a point. */
  moved(x: number, y: number, draw: () => void): void
}

/** Distance of the lines of a hatch. */
const PITCH = 6
export const FONT = 'system-ui, sans-serif'

export class CanvasSurface implements Surface {
  readonly #context: CanvasRenderingContext2D
  readonly #pictureOf: (node: number) => CanvasImageSource | undefined
  readonly #hatches = new Map<string, CanvasPattern | null>()

  constructor(context: CanvasRenderingContext2D, pictureOf: (node: number) => CanvasImageSource | undefined) {
    this.#context = context
    this.#pictureOf = pictureOf
  }

  fill(x: number, y: number, width: number, height: number, style: string): void {
    this.#context.fillStyle = style
    this.#context.fillRect(x, y, width, height)
  }

  hatch(x: number, y: number, width: number, height: number, style: string): void {
    let pattern = this.#hatches.get(style)
    if (pattern === undefined) {
      pattern = this.#context.createPattern(hatchTile(style), 'repeat')
      this.#hatches.set(style, pattern)
    }
    if (pattern) this.#context.fillStyle = pattern
    this.#context.fillRect(x, y, width, height)
  }

  outline(x: number, y: number, width: number, height: number, style: string, thick: number): void {
    this.#context.strokeStyle = style
    this.#context.lineWidth = thick
    this.#context.strokeRect(x + thick / 2, y + thick / 2, Math.max(0.5, width - thick), Math.max(0.5, height - thick))
  }

  text(text: string, x: number, y: number, style: string, most: number, size = 11): void {
    this.#context.font = `${size}px ${FONT}`
    this.#context.textBaseline = 'middle'
    this.#context.fillStyle = style
    this.#context.fillText(text, x, y, most)
  }

  picture(node: number, x: number, y: number, side: number): void {
    const picture = this.#pictureOf(node)
    if (picture) this.#context.drawImage(picture, x, y, side, side)
  }

  clipped(x: number, y: number, width: number, height: number, draw: () => void): void {
    this.#context.save()
    this.#context.beginPath()
    this.#context.rect(x, y, width, height)
    this.#context.clip()
    draw()
    this.#context.restore()
  }

  moved(x: number, y: number, draw: () => void): void {
    this.#context.save()
    this.#context.translate(x, y)
    draw()
    this.#context.restore()
  }
}

function hatchTile(style: string): HTMLCanvasElement {
  const tile = document.createElement('canvas')
  tile.width = PITCH
  tile.height = PITCH
  const context = tile.getContext('2d') as CanvasRenderingContext2D
  context.strokeStyle = style
  context.lineWidth = 1.2
  context.beginPath()
  for (const shift of [-PITCH, 0, PITCH]) {
    context.moveTo(shift, PITCH)
    context.lineTo(shift + PITCH, 0)
  }
  context.stroke()
  return tile
}

/** An SVG as text; the same calls give the same text. */
export class SvgSurface implements Surface {
  readonly #parts: string[] = []
  readonly #defined: string[] = []
  readonly #hatches = new Map<string, string>()
  readonly #hrefOf: (node: number) => string | undefined
  #clips = 0

  /** @param hrefOf the picture of a node as an address, best one with the data in it */
  constructor(hrefOf: (node: number) => string | undefined) {
    this.#hrefOf = hrefOf
  }

  fill(x: number, y: number, width: number, height: number, style: string): void {
    this.#parts.push(`<rect ${box(x, y, width, height)} fill="${style}"/>`)
  }

  hatch(x: number, y: number, width: number, height: number, style: string): void {
    let id = this.#hatches.get(style)
    if (!id) {
      id = `hatch${this.#hatches.size}`
      this.#hatches.set(style, id)
      this.#defined.push(
        `<pattern id="${id}" width="${PITCH}" height="${PITCH}" patternUnits="userSpaceOnUse">` +
          `<path d="M0 ${PITCH}L${PITCH} 0" stroke="${style}" stroke-width="1.2"/></pattern>`,
      )
    }
    this.#parts.push(`<rect ${box(x, y, width, height)} fill="url(#${id})"/>`)
  }

  outline(x: number, y: number, width: number, height: number, style: string, thick: number): void {
    const inner = box(x + thick / 2, y + thick / 2, Math.max(0.5, width - thick), Math.max(0.5, height - thick))
    this.#parts.push(`<rect ${inner} fill="none" stroke="${style}" stroke-width="${thick}"/>`)
  }

  text(text: string, x: number, y: number, style: string, _most: number, size = 11): void {
    const at = `x="${short(x)}" y="${short(y)}" font-size="${size}" dominant-baseline="central"`
    this.#parts.push(`<text ${at} fill="${style}">${escaped(text)}</text>`)
  }

  picture(node: number, x: number, y: number, side: number): void {
    const href = this.#hrefOf(node)
    if (href) this.#parts.push(`<image ${box(x, y, side, side)} href="${escaped(href)}"/>`)
  }

  clipped(x: number, y: number, width: number, height: number, draw: () => void): void {
    const id = `clip${this.#clips++}`
    this.#defined.push(`<clipPath id="${id}"><rect ${box(x, y, width, height)}/></clipPath>`)
    this.#parts.push(`<g clip-path="url(#${id})">`)
    draw()
    this.#parts.push('</g>')
  }

  moved(x: number, y: number, draw: () => void): void {
    this.#parts.push(`<g transform="translate(${short(x)} ${short(y)})">`)
    draw()
    this.#parts.push('</g>')
  }

  /** @param title what the picture shows, in words */
  done(width: number, height: number, title: string): string {
    const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="${FONT}" image-rendering="pixelated" role="img">`,
      `<title>${escaped(title)}</title>`,
      `<defs>${this.#defined.join('')}</defs>`,
      ...this.#parts,
      '</svg>',
      '',
    ].join('\n')
  }
}

function box(x: number, y: number, width: number, height: number): string {
  return `x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}"`
}

function short(value: number): string {
  return `${Math.round(100 * value) / 100}`
}

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')
}
