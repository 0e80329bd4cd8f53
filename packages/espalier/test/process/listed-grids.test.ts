import { describe, expect, it } from 'vitest'
import {
  alignYourSteps,
  alignYourStepsGrid,
  customGrid,
  edm,
  type Grid,
  linearBetas,
  logSnrGrid,
  meanReverting,
  quadraticGrid,
  type SpacedGridOptions,
  scaledLinearBetas,
  spacedGrid,
  ve,
  vpLinear,
  vpTable,
  wholeGrid,
} from '../../src/process/index.ts'

const table = vpTable(scaledLinearBetas())
/** The (rounded) timesteps of a grid, without its end. */
const timesteps = (grid: Grid, n: number) =>
  grid(table, n)
    .slice(0, -1)
    .map((t) => Math.round(table.index(t)))

describe('custom grid', () => {
  it('takes times, noise levels or timesteps as they are', () => {
    expect(customGrid({ times: [1, 0.4, 0] })(vpLinear(), 2)).toEqual([1, 0.4, 0])
    customGrid({ rhos: [80, 4, 0.2, 0] })(edm(), 3).forEach((t, i) => {
      expect(t).toBeCloseTo([1, 0.05, 0.0025, 0][i], 15)
    })
    expect(customGrid({ timesteps: [999, 499, 0] })(table, 3)).toEqual([1, 0.5, 0.001, 0])
    expect(customGrid({ timesteps: [999, 499], final: 'min' })(table, 2)).toEqual([1, 0.5, 0.001])
    expect(customGrid({ rhos: [50, 0.01] })(ve(), 1)).toEqual([1, 0])
  })

  it('says what is wrong with a list', () => {
    const bad = (list: Parameters<typeof customGrid>[0], n: number) => () => customGrid(list)(table, n)
    expect(bad({ times: [1, 0] }, 2)).toThrow('has 1 steps, not 2')
    expect(bad({ times: [0.5, 0.5, 0] }, 2)).toThrow('got 0.5 after 0.5 at position 1')
    expect(bad({ times: [1.2, 0] }, 1)).toThrow('within [0, 1], got 1.2 at position 0')
    expect(bad({ times: [1, Number.NaN] }, 1)).toThrow('NaN')
    expect(bad({ rhos: [20, 0] }, 1)).toThrow(/rho = 0 to 14\.6\d+, got 20/)
    expect(bad({ timesteps: [1000] }, 1)).toThrow('within [0, 1]')
    expect(() => customGrid({ timesteps: [3] })(vpLinear(), 1)).toThrow('needs a process with whole timesteps')
    expect(() => customGrid({ rhos: [50, 0] })(ve(), 1)).toThrow('got 0')
    expect(() => customGrid({ times: [1, 0] })(table, 1, { from: 0.5 })).toThrow('takes no "from"')
  })
})

describe('Align your steps', () => {
  it('visits the published levels, which are those of the timesteps', () => {
    for (const model of ['sd15', 'sdxl'] as const) {
      const times = alignYourStepsGrid(model)(table, 10)
      times.slice(1).forEach((t, i) => {
        expect(Math.exp(-table.logSnr(t))).toBeCloseTo(alignYourSteps[model].rhos[i + 1], 12)
      })
      expect([times[0], times[10]]).toEqual([1, 0])
      const whole = timesteps(alignYourStepsGrid(model), 10)
      whole.forEach((v, i) => {
        expect(Math.abs(v - alignYourSteps[model].timesteps[i])).toBeLessThanOrEqual(1)
      })
    }
    expect(alignYourStepsGrid('svd')(edm({ sigmaMax: 700 }), 10)[1]).toBeCloseTo(54.5 / 700, 14)
  })

  it('is interpolated in log rho for other numbers of steps', () => {
    const process = edm({ sigmaMax: 700 })
    for (let n = 1; n <= 100; n++) {
      const times = alignYourStepsGrid('svd')(process, n)
      expect(times).toHaveLength(n + 1)
      expect([times[0], times[n]]).toEqual([1, 0])
      for (let i = 1; i <= n; i++) expect(times[i]).toBeLessThan(times[i - 1])
    }
    const levels = alignYourStepsGrid('svd')(process, 19).map((t) => 700 * t)
    expect(levels[1]).toBeCloseTo(Math.sqrt(700 * 54.5), 10)
    expect(levels[18]).toBeCloseTo(0.034, 12)
  })

  it('refuses other models, ends and processes', () => {
    expect(() => alignYourStepsGrid('flux' as 'svd')).toThrow('tables for sd15, sdxl, svd, not for flux')
    expect(() => alignYourStepsGrid('svd')(table, 10, { to: 0.1 })).toThrow('takes no "to"')
    expect(() => alignYourStepsGrid('svd')(meanReverting(), 10)).toThrow('decrease strictly')
  })
})

describe('spaced timesteps', () => {
  // numpy, by the formulas of the schedulers: linspace(0, 999, n + 1).round()[::-1][:-1] and so on
  it.each<[SpacedGridOptions, number[]]>([
    [{ spacing: 'linspace' }, [999, 856, 714, 571, 428, 285, 143]],
    [{ spacing: 'linspace', dropLast: false }, [999, 832, 666, 500, 333, 166, 0]],
    [{ spacing: 'leading', offset: 1 }, [876, 751, 626, 501, 376, 251, 126]],
    [{ spacing: 'leading', offset: 1, dropLast: false }, [853, 711, 569, 427, 285, 143, 1]],
    [{ spacing: 'trailing' }, [999, 856, 713, 570, 428, 285, 142]],
    [{}, [999, 937, 874, 811, 749, 687, 624, 561, 499, 437, 374, 311, 249, 187, 124, 61]],
    [{ spacing: 'linspace' }, [999, 937, 874, 812, 749, 687, 624, 562, 500, 437, 375, 312, 250, 187, 125, 62]],
    [
      { spacing: 'linspace', dropLast: false },
      [999, 932, 866, 799, 733, 666, 599, 533, 466, 400, 333, 266, 200, 133, 67, 0],
    ],
  ])('%j are those of diffusers', (options, published) => {
    expect(timesteps(spacedGrid(options), published.length)).toEqual(published)
  })

  it('end in clean data or at index 0', () => {
    expect(spacedGrid()(table, 4)).toEqual([1, 0.75, 0.5, 0.25, 0])
    expect(spacedGrid({ final: 'min' })(table, 4)).toEqual([1, 0.75, 0.5, 0.25, 0.001])
    const raw = spacedGrid({ spacing: 'linspace', dropLast: false, round: false })(table, 4).map(table.index)
    ;[999, 666, 333, 0, -1].forEach((v, i) => {
      expect(raw[i]).toBeCloseTo(v, 10)
    })
  })

  it('are strictly decreasing for n = 1..100', () => {
    for (const spacing of ['linspace', 'leading', 'trailing'] as const) {
      for (let n = 1; n <= 100; n++) {
        const times = spacedGrid({ spacing })(table, n)
        expect(times).toHaveLength(n + 1)
        expect(times[n]).toBe(0)
        if (spacing !== 'leading') expect(times[0]).toBe(1)
        for (let i = 1; i <= n; i++) expect(times[i]).toBeLessThan(times[i - 1])
        for (const t of times) expect(table.index(t)).toBeCloseTo(Math.round(table.index(t)), 10)
      }
    }
  })

  it('say what does not fit', () => {
    expect(() => spacedGrid({ spacing: 'linspace', offset: 1 })).toThrow('only leading timesteps take an offset')
    expect(() => spacedGrid({ spacing: 'leading', offset: 0.5 })).toThrow('whole number, got 0.5')
    expect(() => spacedGrid({ spacing: 'sideways' as 'leading' })(table, 3)).toThrow('linspace, leading or trailing')
    expect(() => spacedGrid()(vpLinear(), 3)).toThrow('whole timesteps (vpTable)')
    expect(() => spacedGrid()(vpTable(linearBetas(5, 0.1, 0.5)), 6)).toThrow('6 trailing timesteps out of 5')
    expect(() => spacedGrid({ spacing: 'leading', dropLast: false, final: 'min' })(table, 4)).toThrow('final "min"')
    expect(() => spacedGrid()(table, 3, { from: 0.5 })).toThrow('takes no "from"')
  })
})

describe('whole grid', () => {
  it('moves times to different indices', () => {
    for (const n of [1, 5, 30, 100]) {
      const times = wholeGrid(quadraticGrid)(table, n)
      expect(times).toHaveLength(n + 1)
      expect([times[0], times[n]]).toEqual([1, 0])
      const indices = times.slice(0, -1).map((t) => t * 1000)
      for (const v of indices) expect(v).toBeCloseTo(Math.round(v), 9)
      expect(new Set(indices.map(Math.round)).size).toBe(n)
    }
  })

  it('fills up with the least free ones', () => {
    // rounded: 9, 3, 1, 0, 0, then clean data
    const ten = vpTable(linearBetas(10, 0.05, 0.4))
    const grid = customGrid({ times: [1, 0.4, 0.2, 0.1, 0.08, 0] })
    expect(wholeGrid(grid)(ten, 5).map((t) => Math.round(10 * t))).toEqual([10, 4, 3, 2, 1, 0])
    expect(wholeGrid(logSnrGrid)(ten, 10).map((t) => Math.round(10 * t))).toEqual([10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0])
    expect(() => wholeGrid(logSnrGrid)(ten, 11)).toThrow('11 timesteps do not fit into 10')
    expect(() => wholeGrid(logSnrGrid)(vpLinear(), 3)).toThrow('whole timesteps')
  })

  it('keeps a noisy end', () => {
    const times = wholeGrid(logSnrGrid)(table, 4, { to: 0.0104 })
    expect(times[4]).toBe(0.01)
  })
})
