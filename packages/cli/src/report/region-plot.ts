/** Regions of the complex plane: where a solver's step is stable. */

import * as Plot from '@observablehq/plot'
import { compact, drawFramed, type FrameOptions, palette } from './frame.ts'

/** A function on a grid of the plane; its region is where it is at most `level`. */
export interface Region {
  readonly name: string
  /** Ascending, evenly spaced. */
  readonly re: readonly number[]
  readonly im: readonly number[]
  /** `values[i][j]` at `re[j] + i im[i]`. */
  readonly values: readonly (readonly number[])[]
}

export interface RegionPlotOptions extends FrameOptions {
  readonly level: number
  readonly regions: readonly Region[]
}

/** Draws the regions where each function is at most `level`. @returns a standalone SVG document */
export function regionPlot(options: RegionPlotOptions): string {
  const { regions, level } = options
  if (regions.length === 0) throw new Error('regionPlot: no regions were given, at least one is needed')
  const ends = (of: (region: Region) => readonly number[]): [number, number] => [
    Math.min(...regions.map((region) => of(region)[0])),
    Math.max(...regions.map((region) => of(region).at(-1) as number)),
  ]
  return drawFramed({
    options,
    xLabel: 'Re z',
    yLabel: 'Im z',
    legend: regions.map(({ name }, index) => ({ name, index })),
    plot: {
      x: { domain: ends(({ re }) => re), label: null },
      y: { domain: ends(({ im }) => im), label: null },
      marks: [
        Plot.gridX({ stroke: 'currentColor', strokeOpacity: 0.1, ticks: 6 }),
        Plot.gridY({ stroke: 'currentColor', strokeOpacity: 0.1, ticks: 6 }),
        Plot.ruleX([0], { stroke: 'currentColor', strokeOpacity: 0.4 }),
        Plot.ruleY([0], { stroke: 'currentColor', strokeOpacity: 0.4 }),
        Plot.axisX({ label: null, tickSize: 5, ticks: 6, tickFormat: compact }),
        Plot.axisY({ label: null, tickSize: 0, ticks: 6, tickFormat: compact }),
        ...regions.map(({ re, im, values }, i) =>
          // Contours enclose what is above their threshold: that is where the level exceeds the function.
          Plot.contour(
            values.flatMap((row) => row.map((value) => level - value)),
            {
              width: re.length,
              height: im.length,
              x1: re[0],
              x2: re.at(-1),
              y1: im[0],
              y2: im.at(-1),
              thresholds: [0],
              interpolate: undefined,
              fill: palette[i % palette.length],
              fillOpacity: regions.length > 1 ? 0.12 : 0.2,
              stroke: palette[i % palette.length],
              strokeWidth: 2,
            },
          ),
        ),
      ],
    },
  })
}
