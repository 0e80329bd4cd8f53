export { fitGaussian, frechetDistance, type GaussianFit } from './frechet.ts'
export {
  bootstrap95,
  type Interval,
  mean,
  mean95,
  pairedDifference95,
  quantile,
  studentCdf,
  studentQuantile,
  variance,
} from './statistics.ts'
