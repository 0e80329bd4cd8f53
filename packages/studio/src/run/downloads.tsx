import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { download } from '../download.ts'
import { messageOf, number, whole } from '../format.ts'
import { engine } from '../studio.ts'
import type { Weighing } from '../tree/layout.ts'
import { POSTER, type Poster, paintPoster, posterSvg } from '../tree/poster.ts'
import { CanvasSurface } from '../tree/surface.ts'
import { fileName, png } from './files.ts'
import { linesCsv, linesJson, type Series } from './lines.ts'
import { Menu } from './menu.tsx'
import { ended, type Watch } from './watch.ts'

/** Pixels of the PNG for each of the picture. */
const DENSITY = 2

export interface DownloadsProps {
  readonly watch: Watch
  readonly by: Weighing
  series(): readonly Series[]
}

/** What can be taken away of a run, in a small menu. */
export function Downloads({ watch, by, series }: DownloadsProps) {
  const close = useRef(() => {})
  const failure = useSignal<string | undefined>(undefined)
  const name = () => {
    const { config, id } = watch.summary.peek() ?? { config: undefined, id: watch.id }
    return fileName(config?.method.split('(')[0] ?? 'run', config?.model ?? '', id.slice(0, 9))
  }
  const give = (suffix: string, content: () => Promise<Uint8Array | string>) => async () => {
    failure.value = undefined
    try {
      download(`${name()}${suffix}`, await content())
      close.current()
    } catch (error) {
      failure.value = messageOf(error)
    }
  }
  const over = ended(watch.status.value)
  const tree = watch.growsTree
  return (
    <Menu label="Download" close={close}>
      <button type="button" disabled={!over} onClick={give('.zip', () => engine.archive(watch.id))}>
        Run (.zip)
      </button>
      {!over && <p class="quiet">The run as a file: once it has ended or is stopped.</p>}
      {tree && (
        <>
          <button type="button" onClick={give('-tree.svg', async () => posterSvg(posterOf(watch, by), hrefs(watch)))}>
            Picture of the tree (.svg)
          </button>
          <button type="button" onClick={give('-tree.png', () => posterPng(watch, by))}>
            Picture of the tree (.png)
          </button>
        </>
      )}
      <button type="button" onClick={give('-curve.csv', async () => linesCsv(series()))}>
        Curve (.csv)
      </button>
      <button type="button" onClick={give('-curve.json', async () => linesJson(series()))}>
        Curve (.json)
      </button>
      {failure.value && (
        <p class="error" role="alert">
          {failure.value}
        </p>
      )}
    </Menu>
  )
}

function posterOf(watch: Watch, by: Weighing): Poster {
  const { shown: tree, levels, summary } = watch
  const { config, nfe } = summary.peek() ?? {}
  const spent = watch.moment.peek() ?? Math.max(nfe ?? 0, watch.counts.peek().nfe)
  const best = tree.bestLeaf >= 0 ? `best reward ${number(tree.reward[tree.bestLeaf])}` : 'no sample yet'
  return {
    ...{ tree, levels, by, lambda: config?.lambda ?? 1, pictures: !watch.thumbnails.text.peek() },
    title: `${config?.method} for ${config?.reward} on ${config?.model}`,
    facts: `${whole(spent)} NFE · ${whole(tree.leaves.length)} samples · ${best} · λ ${number(config?.lambda)} · seed ${config?.seed}`,
  }
}

const pictureOf = (watch: Watch) => (node: number) => {
  const best = watch.shown.bestBelow()[node]
  return best < 0 ? undefined : watch.thumbnails.picture({ node: best })
}

const hrefs = (watch: Watch) => (node: number) => pictureOf(watch)(node)?.toDataURL()

function posterPng(watch: Watch, by: Weighing): Promise<Uint8Array> {
  const canvas = document.createElement('canvas')
  canvas.width = DENSITY * POSTER.width
  canvas.height = DENSITY * POSTER.height
  const context = canvas.getContext('2d') as CanvasRenderingContext2D
  context.scale(DENSITY, DENSITY)
  context.imageSmoothingEnabled = false
  paintPoster(new CanvasSurface(context, pictureOf(watch)), posterOf(watch, by))
  return png(canvas)
}
