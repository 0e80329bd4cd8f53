/** A run on one self-contained page: no script, no outside file, light and dark, from a telephone to a wide screen. */

import { escapeXml } from './escape.ts'
import type { FrameOptions } from './frame.ts'
import { type LinePlotOptions, linePlot } from './line-plot.ts'
import { type ScatterPlotOptions, scatterPlot } from './scatter-plot.ts'
import type { Table } from './table.ts'

export interface ReportPage {
  readonly title: string
  /** One or two sentences: what was done and what came out. */
  readonly lead: string
  /** Short facts beside each other, such as `['NFE', '20 000']`. */
  readonly facts?: readonly (readonly [string, string])[]
  readonly sections: readonly ReportSection[]
  /** The shell command that repeats the run. */
  readonly command: string
  /** The full configuration, shown as JSON. */
  readonly configuration: unknown
}

export interface ReportSection {
  readonly heading: string
  readonly text?: string
  readonly table?: Table
  readonly plot?: LinePlotOptions
  readonly scatter?: ScatterPlotOptions
  /** Pictures in rows that wrap; `png` are file bytes, drawn with square pixels. */
  readonly pictures?: readonly ReportPictures[]
  readonly texts?: readonly ReportTexts[]
}

/** Texts as they are, each beside a short note such as its reward. */
export interface ReportTexts {
  readonly label: string
  readonly texts: readonly { readonly text: string; readonly note: string }[]
}

export interface ReportPictures {
  readonly label?: string
  readonly pictures: readonly { readonly png: Uint8Array; readonly alt: string; readonly caption?: string }[]
}

/** Renders the page. @returns an HTML document */
export function renderReport(page: ReportPage): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeXml(page.title)}</title>
<style>${style}</style>
</head>
<body>
<main>
<header>
<p class="brand">Espalier</p>
<h1>${escapeXml(page.title)}</h1>
<p class="lead">${escapeXml(page.lead)}</p>
${facts(page.facts ?? [])}
</header>
${page.sections.map(section).join('\n')}
<section>
<h2>Repeat it</h2>
<pre class="command"><code>${escapeXml(page.command)}</code></pre>
<details><summary>Full configuration</summary><pre><code>${escapeXml(JSON.stringify(page.configuration, null, 2))}</code></pre></details>
</section>
</main>
</body>
</html>
`
}

function facts(pairs: readonly (readonly [string, string])[]): string {
  if (pairs.length === 0) return ''
  const items = pairs.map(([name, value]) => `<div><dt>${escapeXml(name)}</dt><dd>${escapeXml(value)}</dd></div>`)
  return `<dl class="facts">${items.join('')}</dl>`
}

function section({ heading, text, table, plot, scatter, pictures = [], texts = [] }: ReportSection): string {
  return `<section>
<h2>${escapeXml(heading)}</h2>
${text ? `<p>${escapeXml(text)}</p>` : ''}
${table ? htmlTable(table) : ''}
${plot ? figure(linePlot, plot) : ''}
${scatter ? figure(scatterPlot, scatter) : ''}
${pictures.map(pictureRow).join('\n')}
${texts.map(textList).join('\n')}
</section>`
}

function htmlTable({ columns, rows }: Table): string {
  const cell = (tag: 'th' | 'td', text: string, i: number) =>
    `<${tag}${tag === 'th' ? ' scope="col"' : ''}${columns[i].right ? ' class="number"' : ''}>${escapeXml(text)}</${tag}>`
  const head = columns.map((column, i) => cell('th', column.name, i)).join('')
  const body = rows.map((row) => `<tr>${row.map((text, i) => cell('td', text, i)).join('')}</tr>`).join('\n')
  return `<div class="scroll" tabindex="0" role="region" aria-label="table"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`
}

/** Drawn twice, because text in a scaled drawing is too small to read on a telephone. */
function figure<O extends FrameOptions>(draw: (options: O) => string, options: O): string {
  const wide = draw({ ...options, width: options.width ?? 820, background: 'none' })
  const narrow = draw({ ...options, width: 350, height: undefined, background: 'none' })
  return `<figure class="plot wide">${wide}</figure>\n<figure class="plot narrow">${narrow}</figure>`
}

function pictureRow({ label, pictures }: ReportPictures): string {
  const items = pictures.map(({ png, alt, caption }) => {
    const source = `data:image/png;base64,${Buffer.from(png).toString('base64')}`
    const below = caption === undefined ? '' : `<figcaption>${escapeXml(caption)}</figcaption>`
    return `<figure><img src="${source}" alt="${escapeXml(alt)}">${below}</figure>`
  })
  return `${label ? `<h3>${escapeXml(label)}</h3>` : ''}<div class="pictures">${items.join('')}</div>`
}

function textList({ label, texts }: ReportTexts): string {
  const items = texts.map(({ text, note }) => `<dt>${escapeXml(note)}</dt><dd>${escapeXml(text)}</dd>`)
  return `<h3>${escapeXml(label)}</h3><dl class="texts">${items.join('')}</dl>`
}

const style = `
:root { --ink: #1f2328; --soft: #57606a; --paper: #fbfaf7; --card: #ffffff; --rule: #d8d4ca; --leaf: #2f6b3c; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e4df; --soft: #a3a199; --paper: #16181a; --card: #1e2124; --rule: #3a3d40; --leaf: #8cc79a; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, 'DejaVu Sans', sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
.brand { margin: 0; color: var(--leaf); font-weight: 700; letter-spacing: .04em; }
h1 { margin: .2rem 0 .6rem; font-size: clamp(1.5rem, 4.5vw, 2.2rem); line-height: 1.2; text-wrap: pretty; }
h2 { margin: 2.6rem 0 .6rem; font-size: 1.25rem; }
h3 { margin: 1.2rem 0 .4rem; font-size: 1rem; font-weight: 600; }
p { max-width: 44rem; }
.lead { font-size: 1.1rem; margin: 0 0 1.2rem; }
.facts { display: flex; flex-wrap: wrap; gap: 1px; margin: 0;
  background: var(--rule); border: 1px solid var(--rule); border-radius: 10px; overflow: hidden; }
.facts div { flex: 1 1 8.5rem; background: var(--card); padding: .6rem .9rem; }
dt { color: var(--soft); font-size: .8rem; }
dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; border: 1px solid var(--rule); border-radius: 10px; background: var(--card); }
table { border-collapse: collapse; width: 100%; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .5rem .9rem; text-align: left; white-space: nowrap; border-top: 1px solid var(--rule); }
th { border-top: 0; color: var(--soft); font-weight: 600; }
.number { text-align: right; }
figure { margin: 0; }
.plot { margin: 1.2rem 0; padding: .6rem; background: var(--card); border: 1px solid var(--rule); border-radius: 10px; }
.plot svg { display: block; width: 100%; height: auto; }
.narrow { display: none; }
@media (max-width: 640px) { .wide { display: none; } .narrow { display: block; } }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(64px, 84px)); gap: .6rem; }
.pictures img { display: block; width: 100%; height: auto; image-rendering: pixelated; border-radius: 3px; }
figcaption { color: var(--soft); font-size: .72rem; text-align: center; font-variant-numeric: tabular-nums; }
.texts { display: grid; grid-template-columns: max-content 1fr; gap: .5rem 1rem; margin: 0; }
.texts dt { text-align: right; font-variant-numeric: tabular-nums; line-height: 1.8; }
.texts dd { font-weight: 400; white-space: pre-wrap; border-bottom: 1px solid var(--rule); padding-bottom: .5rem; }
pre { overflow-x: auto; padding: .8rem 1rem; background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
  font: .85rem/1.5 ui-monospace, 'DejaVu Sans Mono', monospace; }
.command { white-space: pre-wrap; overflow-wrap: anywhere; }
summary { cursor: pointer; color: var(--soft); }
@media print { body { background: #fff; } details { display: none; } }
`
