import { useSignalEffect } from '@preact/signals'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { whole } from '../format.ts'
import type { Replay } from '../run/replay.ts'
import type { Watch } from '../run/watch.ts'
import { theme } from '../theme.ts'
import { Growth } from './growth.ts'
import { inkOf } from './ink.ts'
import { depthOf } from './painter.ts'

/** Half the width of the slider's thumb: its middle reaches from here to as far from the end. */
const INSET = 8

/** How the search went over time, and the moment that is shown. */
export function TimeStrip({ watch, replay }: { watch: Watch; replay: Replay }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const growth = useMemo(() => new Growth(), [watch])
  watch.calmVersion.value
  const moment = watch.moment.value
  const playing = replay.playing.value
  const end = Math.max(1, Math.ceil(replay.end))
  const at = Math.ceil(moment ?? end)

  const draw = () => {
    const element = canvas.current
    if (!element) return
    const { clientWidth: width, clientHeight: height } = element
    const ratio = Math.min(2, devicePixelRatio)
    element.width = Math.round(width * ratio)
    element.height = Math.round(height * ratio)
    const context = element.getContext('2d')
    if (!context || width <= 2 * INSET) return
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    const { tree, curve, levels } = watch
    growth.follow(tree)
    const ink = inkOf(element)
    const bands = depthOf(tree, levels)
    const inner = width - 2 * INSET
    const columns = Math.ceil(inner / 2) + 1
    const total = replay.end || 1
    const counts = new Uint16Array(columns * bands)
    for (let k = 0; k < curve.found.length; k++) {
      if (growth.depths[k] > 0)
        counts[Math.floor((curve.found[k] / total) * (columns - 1)) * bands + growth.depths[k] - 1]++
    }
    const tall = (height - 5) / bands
    context.fillStyle = ink.line
    context.fillRect(INSET, height - 1, inner, 1)
    context.fillStyle = ink.quiet
    for (let c = 0; c < columns; c++) {
      for (let d = 0; d < bands; d++) {
        const n = counts[c * bands + d]
        if (n === 0) continue
        context.globalAlpha = Math.min(1, 0.35 + 0.2 * n)
        context.fillRect(INSET + 2 * c, 5 + d * tall, 2, Math.max(1, tall - 1))
      }
    }
    context.globalAlpha = 1
    context.fillStyle = ink.text
    let best = Number.NEGATIVE_INFINITY
    curve.nfe.forEach((nfe, i) => {
      if (curve.best[i] > best) context.fillRect(INSET + (nfe / total) * inner - 1, 0, 2, 5)
      best = curve.best[i]
    })
  }
  useSignalEffect(() => {
    watch.calmVersion.value
    theme.value
    draw()
  })
  useEffect(() => {
    const observer = new ResizeObserver(draw)
    observer.observe(canvas.current as HTMLCanvasElement)
    return () => observer.disconnect()
  }, [])

  return (
    <fieldset class="time" aria-label="Time">
      <div class="tools">
        <button
          type="button"
          aria-label={playing ? 'Pause the replay' : 'Replay'}
          onClick={() => replay.toggle()}
          disabled={replay.end === 0}
        >
          {playing ? '❚❚' : '▶'}
        </button>
        <button
          type="button"
          aria-label="To the sample before"
          onClick={() => replay.step(-1)}
          disabled={at <= 0 || replay.end === 0}
        >
          ‹
        </button>
        <button
          type="button"
          aria-label="To the next sample"
          onClick={() => replay.step(1)}
          disabled={moment === undefined}
        >
          ›
        </button>
      </div>
      <div class="track">
        <canvas
          ref={canvas}
          role="img"
          aria-label="Over the NFE: at which level each sample left what was there, and when there was a new best"
        />
        <input
          type="range"
          min="0"
          max={end}
          step="1"
          value={at}
          aria-label="Moment that is shown"
          aria-valuetext={moment === undefined ? `now, ${whole(end)} NFE` : `${whole(at)} of ${whole(end)} NFE`}
          onInput={(event) => replay.seek(Number(event.currentTarget.value))}
          disabled={replay.end === 0}
        />
      </div>
      <div class="tools">
        <output>{moment === undefined ? 'now' : `${whole(at)} NFE`}</output>
        <button type="button" onClick={() => replay.now()} disabled={moment === undefined}>
          Now
        </button>
      </div>
    </fieldset>
  )
}
