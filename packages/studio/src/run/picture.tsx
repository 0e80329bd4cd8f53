import { useEffect, useRef } from 'preact/hooks'
import { isImage } from '../tree/picture.ts'
import type { Place } from '../tree/thumbnails.ts'
import type { Watch } from './watch.ts'

export interface PictureProps {
  readonly watch: Watch
  readonly place: Place
  readonly large?: boolean
  /** Not the state, but what the network expects there. */
  readonly ahead?: boolean
}

/** A state, in a slot of fixed size: a picture, or words. */
export function Picture({ watch, place, large, ahead }: PictureProps) {
  const states = ahead ? watch.lookAheads : watch.thumbnails
  states.arrived.value
  const slot = useRef<HTMLCanvasElement>(null)
  const words = watch.thumbnails.text.value || states.text.value
  const picture = words ? undefined : states.picture(place)
  useEffect(() => {
    const canvas = slot.current
    const context = canvas?.getContext('2d')
    if (!canvas || !context) return
    if (!picture) {
      context.clearRect(0, 0, canvas.width, canvas.height)
      return
    }
    canvas.width = picture.width
    canvas.height = picture.height
    context.drawImage(picture, 0, 0)
  }, [picture])
  if (words) return <Words text={states.state(place)?.text} large={large} />
  const state = states.state(place)
  const drawn = state && !isImage(state) ? ' drawn' : ''
  return <canvas ref={slot} class={`picture${large ? ' large' : ''}${drawn}`} />
}

/** A text, its masks as gaps that can be seen and heard. */
export function Words({ text, large }: { text: string | undefined; large?: boolean }) {
  const parts = (text ?? '').split(/(▁+)/)
  return (
    <span class={large ? 'words large' : 'words'}>
      {parts.map((part, i) =>
        part.startsWith('▁') ? (
          // Spaces, so that it stands apart in the name of what it is a part of.
          <span key={i} class="mask" role="img" aria-label={` ${part.length} masked `}>
            {part}
          </span>
        ) : (
          part
        ),
      )}
    </span>
  )
}
