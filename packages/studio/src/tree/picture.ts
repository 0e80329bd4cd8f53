import type { RunState } from '@espalier/engine'

/** Side of a picture that is drawn and not given. */
const SIDE = 80
/** Half the side of the square of the plane that points are shown in. */
const REACH = 4

/**
 * A state as a small picture: an image as it is, a point of the plane as a dot, anything else as a row of bars.
 *
 * @param dark whether dots and bars are drawn light on dark
 */
export function pictureOf(state: RunState, dark: boolean): HTMLCanvasElement {
  const canvas = document.createElement('canvas')
  const { shape, data, range = [-1, 1] } = state
  const [h, w] = shape.slice(-2)
  const channels = channelsOf(shape)
  if (channels > 0) {
    canvas.width = w
    canvas.height = h
    const context = canvas.getContext('2d') as CanvasRenderingContext2D
    const image = context.createImageData(w, h)
    const plane = w * h
    for (let i = 0; i < plane; i++) {
      for (let c = 0; c < 3; c++) {
        const value = data[(channels === 3 ? c : 0) * plane + i]
        image.data[4 * i + c] = (255 * (value - range[0])) / (range[1] - range[0])
      }
      image.data[4 * i + 3] = 255
    }
    context.putImageData(image, 0, 0)
    return canvas
  }
  const side = SIDE
  canvas.width = side
  canvas.height = side
  const context = canvas.getContext('2d') as CanvasRenderingContext2D
  context.fillStyle = dark ? '#10181f' : '#ffffff'
  context.fillRect(0, 0, side, side)
  context.fillStyle = dark ? '#4a5a66' : '#b8c2c8'
  if (data.length === 2) {
    context.fillRect(side / 2, 0, 1, side)
    context.fillRect(0, side / 2, side, 1)
    const at = (v: number) => side * Math.min(0.95, Math.max(0.05, 0.5 + v / (2 * REACH)))
    context.fillStyle = dark ? '#8be0c0' : '#00674c'
    context.beginPath()
    context.arc(at(data[0]), at(-data[1]), side / 11, 0, 2 * Math.PI)
    context.fill()
    return canvas
  }
  context.fillStyle = dark ? '#8be0c0' : '#00674c'
  const n = Math.min(data.length, side)
  let most = 1e-9
  for (const v of data) most = Math.max(most, Math.abs(v))
  for (let i = 0; i < n; i++) {
    const tall = (data[Math.floor((i * data.length) / n)] / most) * (side / 2)
    context.fillRect((i * side) / n, side / 2 - Math.max(0, tall), side / n, Math.abs(tall))
  }
  return canvas
}

/** Whether a state is an image, whose pixels are shown as they are. */
export function isImage({ shape }: RunState): boolean {
  return channelsOf(shape) > 0
}

/** 1 or 3; 0 of what is no image. */
function channelsOf(shape: readonly number[]): number {
  const channels = shape.length === 3 ? shape[0] : shape.length === 2 ? 1 : 0
  return channels === 1 || channels === 3 ? channels : 0
}

/** What is drawn, in words. */
export function describe({ shape, data }: RunState): string {
  if (data.length <= 3) return `(${Array.from(data, (v) => v.toFixed(2).replace('-', '−')).join(', ')})`
  return shape.join(' × ')
}
