import { AdamW, layoutOf, warmupCosine } from 'espalier/train'
import { describe, expect, it } from 'vitest'

const layout = layoutOf([
  ['kernel', [2, 3]],
  ['bias', [3]],
])

describe('AdamW', () => {
  it('lays parameters one after another', () => {
    expect(layout.size).toBe(9)
    expect(layout.slots.map(({ name, at, size }) => [name, at, size])).toEqual([
      ['kernel', 0, 6],
      ['bias', 6, 3],
    ])
  })

  it('moves by the rate against the sign of the gradient at first, and decays matrices alone', () => {
    const optimizer = new AdamW(layout, { rate: () => 0.1, decay: 0.5, clip: Infinity })
    const weights = new Float32Array(9).fill(2)
    const norm = optimizer.update(0, weights, [Float32Array.of(1, -2, 3, 0, 5, -6), Float32Array.of(-0.1, 0.2, 0)])
    // Bias correction makes the first step rate * sign(g), whatever the size of g.
    const decayed = 2 * (1 - 0.1 * 0.5)
    const expected = [decayed - 0.1, decayed + 0.1, decayed - 0.1, decayed, decayed - 0.1, decayed + 0.1, 2.1, 1.9, 2]
    expected.forEach((value, i) => {
      expect(weights[i]).toBeCloseTo(value, 5)
    })
    expect(norm).toBeCloseTo(Math.sqrt(1 + 4 + 9 + 25 + 36 + 0.01 + 0.04), 5)
  })

  it('follows the published recurrence in float64 over many steps', () => {
    const [beta1, beta2, epsilon, decay] = [0.9, 0.99, 1e-8, 0.1]
    const rate = (step: number) => 0.01 / (1 + step)
    const optimizer = new AdamW(layoutOf([['w', [1, 1]]]), { rate, beta1, beta2, epsilon, decay, clip: 1 })
    const weights = Float32Array.of(1)
    let [w, m, v] = [1, 0, 0]
    for (let step = 0; step < 50; step++) {
      const gradient = Math.fround(3 * Math.sin(step))
      optimizer.update(step, weights, [Float32Array.of(gradient)])
      const clipped = gradient * Math.min(1, 1 / Math.abs(gradient || 1))
      m = beta1 * m + (1 - beta1) * clipped
      v = beta2 * v + (1 - beta2) * clipped * clipped
      const step1 = step + 1
      // A 1x1 parameter is a scalar: it is not decayed.
      w -= (rate(step) * (m / (1 - beta1 ** step1))) / (Math.sqrt(v / (1 - beta2 ** step1)) + epsilon)
    }
    expect(weights[0]).toBeCloseTo(w, 5)
  })

  it('scales a long gradient down to the clipping norm, all tensors together', () => {
    const run = (scale: number) => {
      const optimizer = new AdamW(layout, { rate: () => 0.1, clip: 1 })
      optimizer.update(0, new Float32Array(9), [new Float32Array(6).fill(2 * scale), new Float32Array(3).fill(scale)])
      return [...optimizer.first]
    }
    const long = run(100)
    const longer = run(1000)
    long.forEach((value, i) => {
      expect(longer[i]).toBeCloseTo(value, 6)
    })
    // Norm 1 after clipping, first moment (1 - beta1) of it.
    expect(Math.hypot(...long)).toBeCloseTo(0.1, 6)
  })

  it('finds the minimum of a badly scaled quadratic', () => {
    const optimizer = new AdamW(layoutOf([['w', [2]]]), {
      rate: warmupCosine(0.1, 1000, 10, { last: 0 }),
      clip: Infinity,
    })
    const weights = Float32Array.of(5, -3)
    for (let step = 0; step < 1000; step++)
      optimizer.update(step, weights, [Float32Array.of(100 * (weights[0] - 1), 0.01 * (weights[1] - 2))])
    expect(weights[0]).toBeCloseTo(1, 3)
    expect(weights[1]).toBeCloseTo(2, 2)
  })
})

describe('the learning rate', () => {
  it('warms up, then falls along half a cosine', () => {
    const rate = warmupCosine(2, 101, 10, { last: 0.1 })
    expect(rate(0)).toBeCloseTo(0.2)
    expect(rate(9)).toBeCloseTo(2)
    expect(rate(10)).toBeCloseTo(2)
    expect(rate(55)).toBeCloseTo(2 * (0.1 + 0.9 * 0.5))
    expect(rate(100)).toBeCloseTo(0.2)
  })

  it('does not depend on the length of the run while it is held', () => {
    const [short, long] = [100, 150].map((steps) => warmupCosine(1, steps, 5, { hold: 0.6 }))
    for (let step = 0; step <= 60; step++) expect(short(step)).toBe(long(step))
    expect(short(61)).toBeLessThan(1)
    expect(long(90)).toBe(1)
    expect(long(149)).toBeCloseTo(0.01)
  })
})
