import { useEffect, useRef } from 'preact/hooks'
import type { SolverSheet } from '../../engine/analysis.ts'
import { number } from '../../format.ts'
import { theme } from '../../theme.ts'

/** Where errors do not grow: the spectral radius of a step on y' = L y, by z = L times the step in rho. */
export function Region({ sheet: { region, analysis } }: { sheet: SolverSheet }) {
  const place = useRef<HTMLCanvasElement>(null)
  const now = theme.value
  useEffect(() => {
    const canvas = place.current
    const context = canvas?.getContext('2d')
    if (!canvas || !context || !region) return
    const { re, im, radius } = region
    const style = getComputedStyle(canvas)
    const of = (name: string) => style.getPropertyValue(name).trim()
    const [w, h] = [canvas.width, canvas.height]
    const [dx, dy] = [w / re.length, h / im.length]
    context.clearRect(0, 0, w, h)
    context.fillStyle = of('--accent')
    radius.forEach((row, i) => {
      row.forEach((value, j) => {
        if (value <= 1 + 1e-6) context.fillRect(j * dx, h - (i + 1) * dy, dx + 0.5, dy + 0.5)
      })
    })
    const x = (v: number) => ((v - re[0]) / (re[re.length - 1] - re[0])) * w
    const y = (v: number) => h - ((v - im[0]) / (im[im.length - 1] - im[0])) * h
    context.fillStyle = of('--edge')
    context.fillRect(x(0), 0, 1, h)
    context.fillRect(0, y(0), w, 1)
    context.font = '14px system-ui, sans-serif'
    // Labels stand on plates of the surface: the region may lie under them.
    for (const [text, at, up] of [
      [number(re[0]), 4, y(0) - 8],
      [number(re[re.length - 1]), w - 4 - context.measureText(number(re[re.length - 1])).width, y(0) - 8],
      [`${number(im[im.length - 1])} i`, x(0) + 6, 18],
      [`${number(im[0])} i`, x(0) + 6, h - 8],
    ] as const) {
      context.fillStyle = of('--surface')
      context.fillRect(at - 2, up - 14, context.measureText(text).width + 4, 18)
      context.fillStyle = of('--text')
      context.fillText(text, at, up)
    }
  }, [region, now])
  if (!region) {
    return (
      <section class="panel" aria-labelledby="region">
        <h2 id="region">Stability region</h2>
        <p class="quiet">Every step of this table starts without signal: it has none.</p>
      </section>
    )
  }
  const { stability } = analysis
  const reach =
    stability?.limit === null ? 'all of the negative real axis' : `z from ${number(-(stability?.limit ?? 0))} to 0`
  return (
    <section class="panel" aria-labelledby="region">
      <h2 id="region">Stability region</h2>
      <canvas
        ref={place}
        class="region"
        width="480"
        height="400"
        role="img"
        aria-label={`Stability region of step ${region.step + 1}: stable on ${reach}`}
      />
      <p class="quiet">Filled: where errors do not grow on y′ = L y, with z = L times the step in ρ.</p>
    </section>
  )
}
