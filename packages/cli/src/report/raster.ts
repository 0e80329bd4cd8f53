import { createRequire } from 'node:module'
import { Resvg } from '@resvg/resvg-js'

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
