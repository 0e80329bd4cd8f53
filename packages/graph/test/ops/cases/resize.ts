/** Resize: every mode in every coordinate system, up and down, by scales and by sizes. */
import { type Attributes, tensor } from '../../../src/index.ts'
import type { OpCase, Operand, Size } from '../harness.ts'
import { ints, x } from '../harness.ts'

const floats = (...values: number[]): Operand => ({
  shape: [values.length],
  type: 'float32',
  constant: true,
  value: (_, i) => values[i],
})

const image = ['N', 2, 5, 6] as const

interface How {
  readonly scales?: readonly number[]
  readonly sizes?: readonly number[]
  readonly roi?: readonly number[]
}

const resize = (shape: readonly Size[], how: How, attributes: Attributes, more: Partial<OpCase> = {}): OpCase => ({
  op: 'Resize',
  note: `[${shape}] ${JSON.stringify({ ...how, ...attributes })}`,
  inputs: [
    x(shape),
    how.roi && floats(...how.roi),
    how.scales && floats(...how.scales),
    ...(how.sizes ? [ints(...how.sizes)] : []),
  ],
  attributes,
  linear: true,
  opset: 19,
  ...more,
})

// Scales whose coordinates do not fall on ties, where rounding in float32 would choose.
const ways: readonly How[] = [{ scales: [1, 1, 2, 2] }, { scales: [1, 1, 1.3, 0.63] }, { scales: [1, 1, 0.7, 2.2] }]

const systems = ['half_pixel', 'half_pixel_symmetric', 'pytorch_half_pixel', 'align_corners', 'asymmetric'] as const

const modes = ['nearest', 'linear', 'cubic'] as const

export const resizeCases: readonly OpCase[] = [
  ...modes.flatMap((mode) =>
    systems.flatMap((coordinate_transformation_mode) =>
      ways.map((how) => resize(image, how, { mode, coordinate_transformation_mode })),
    ),
  ),
  // Sizes need the fixed batch that stands in their list, or axes (opset 18).
  ...modes.flatMap((mode) => [
    resize([2, 2, 5, 6], { sizes: [2, 2, 7, 4] }, { mode }),
    resize([1, 1, 4, 3], { sizes: [1, 1, 1, 1] }, { mode }),
    resize(image, { sizes: [8, 3] }, { mode, axes: [2, 3] }),
    resize(image, { scales: [1.4, 0.8] }, { mode, axes: [-2, -1] }),
    resize(
      image,
      { scales: [1, 1, 2, 2], roi: [] },
      { mode, coordinate_transformation_mode: 'asymmetric' },
      { opset: 11 },
    ),
    resize(image, { scales: [1, 1, 1.3, 0.63] }, { mode }, { opset: 13 }),
    resize(image, { scales: [1, 1, 1, 1] }, { mode }),
  ]),
  ...['floor', 'ceil', 'round_prefer_floor', 'round_prefer_ceil'].flatMap((nearest_mode) =>
    (['half_pixel', 'asymmetric'] as const).map((coordinate_transformation_mode) =>
      resize(image, { scales: [1, 1, 2, 0.5] }, { nearest_mode, coordinate_transformation_mode }),
    ),
  ),
  resize(['N', 1, 3], { scales: [1, 1, 2] }, { mode: 'nearest' }),
  resize(['N', 2, 2, 3, 2], { scales: [1, 1, 2, 1.5, 2] }, { mode: 'nearest', nearest_mode: 'floor' }),
  resize([1, 2, 2, 3, 4], { scales: [1, 1, 2, 1.5, 0.5] }, { mode: 'linear' }),
  resize(image, { scales: [1, 1, 1.7, 0.6] }, { mode: 'cubic', exclude_outside: 1 }),
  resize(image, { scales: [1, 1, 1.7, 0.6] }, { mode: 'cubic', cubic_coeff_a: -0.5 }),
  ...(['linear', 'cubic'] as const).flatMap((mode) =>
    [0, 1].flatMap((exclude_outside) =>
      [
        [0.6, 0.4],
        [1.6, 0.5],
        [0.3, 1],
      ].map(([p, q]) => resize(image, { scales: [1, 1, p, q] }, { mode, antialias: 1, exclude_outside })),
    ),
  ),
  // ONNX Runtime ignores the region on an axis that keeps its size, so none does here.
  ...modes.flatMap((mode) => [
    resize(
      [1, 1, 5, 6],
      { roi: [0, 0, 0.1, 0.2, 1, 1, 0.8, 0.9], sizes: [1, 1, 4, 3] },
      { mode, coordinate_transformation_mode: 'tf_crop_and_resize' },
    ),
    resize(
      [1, 1, 5, 6],
      { roi: [0, 0, -0.3, 0.2, 1, 1, 1.3, 0.9], sizes: [1, 1, 7, 5] },
      { mode, coordinate_transformation_mode: 'tf_crop_and_resize', extrapolation_value: 2.5 },
      { linear: false },
    ),
  ]),
  {
    op: 'Resize',
    note: 'opset 10',
    opset: 10,
    inputs: [x([2, 2, 3, 3]), floats(1, 1, 2, 2)],
    attributes: { mode: 'nearest' },
    linear: true,
  },
  ...(['nearest', 'linear'] as const).map(
    (mode): OpCase => ({
      op: 'Upsample',
      note: mode,
      opset: 9,
      inputs: [x([2, 2, 3, 3]), floats(1, 1, 2, 3)],
      attributes: { mode },
      linear: true,
    }),
  ),
  {
    op: 'Upsample',
    note: 'scales as an attribute',
    opset: 7,
    inputs: [x(['N', 1, 2, 3])],
    attributes: { scales: [1, 1, 2, 2] },
    linear: true,
  },
  {
    op: 'Resize',
    note: 'sizes from the shape of another tensor',
    inputs: [x(image), x(['N', 2, 10, 9])],
    build: (b, [v, w]) => {
      const spatial = b.op('Slice', [w.shapeOf(), b.int64([2]), b.int64([4])])
      const sizes = b.op('Concat', [b.op('Slice', [v.shapeOf(), b.int64([0]), b.int64([2])]), spatial], { axis: 0 })
      return [
        b.op('Resize', [v, b.constant(tensor([], [0])), b.constant(tensor([], [0])), sizes], { mode: 'linear' }).mul(w),
      ]
    },
  },
]
