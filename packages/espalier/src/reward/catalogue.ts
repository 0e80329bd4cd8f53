import { z } from 'zod/mini'
import { type CatalogueEntry, catalogueEntry } from '../tensor/catalogue.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { brightness, type ImageOptions, ink, smoothness, symmetry } from './images.ts'
import type { DifferentiableReward } from './reward.ts'

const share = z.number().check(z.gte(0), z.lte(1))

/**
 * The rewards of images by name and options, such as `ink(target=0.2, bottom=0.5)`; each is then told the range of
 * values.
 */
export const imageRewards: readonly CatalogueEntry<(options: ImageOptions) => DifferentiableReward<Tensor>>[] = [
  catalogueEntry('brightness', 'mean of an image between black 0 and white 1', {}, () => brightness),
  catalogueEntry(
    'ink',
    'share of an image, or of a region of it, that is white (dark=true: black), or minus its distance to a target',
    { target: share, left: share, top: share, right: share, bottom: share, dark: z.boolean() },
    ({ target, dark, ...region }) =>
      (options) =>
        ink({ ...options, target, dark, region }),
  ),
  catalogueEntry('symmetry', 'likeness of an image to its mirror image, 0 at best', {}, () => symmetry),
  catalogueEntry('smoothness', 'likeness of neighbouring pixels, 0 at best', {}, () => smoothness),
]
