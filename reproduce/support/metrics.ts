export {
  distanceMetric as distanceTo,
  frechetMetric as frechet,
  type Metric,
  magnitudeMetric as magnitude,
  shareOutsideMetric as shareOutside,
  slicedW2Metric as slicedW2,
} from 'espalier/measure'
