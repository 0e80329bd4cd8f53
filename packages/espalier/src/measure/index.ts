export { quantile } from '../tensor/quantile.ts'
export { fitGaussian, frechetDistance, type GaussianFit } from './frechet.ts'
export { featureDistance, type MagnitudeScoreOptions, magnitudeScore, psnr, rmsDistance, ssim } from './pairs.ts'
export { energyDistance, type SlicedWassersteinOptions, slicedWasserstein2 } from './samples.ts'
export {
  bootstrap95,
  type Interval,
  jackknife,
  mean,
  mean95,
  pairedDifference95,
  studentCdf,
  studentQuantile,
  variance,
} from './statistics.ts'
