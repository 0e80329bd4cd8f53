import { GaussianMixture } from 'espalier/process'

const std = 0.1
const radius = Math.sqrt(2 * (1 - std ** 2))
const angles = [0, 1, 2, 3, 4, 5].map((k) => (k * Math.PI) / 3 + 0.3)
const means = angles.map((phi) => [radius * Math.cos(phi), radius * Math.sin(phi)])

/** Three classes of two narrow clusters each, and the first class alone. Coordinates have standard deviation 1. */
export const allClasses = new GaussianMixture({ means, stds: means.map(() => std) })
export const oneClass = new GaussianMixture({ means: means.slice(0, 2), stds: [std, std] })
