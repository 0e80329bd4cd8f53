export {
  type Comparison,
  compareSolvers as compareAll,
  comparisonNfe as rowsOf,
  distanceName as distance,
  drawSamples as draw,
  fineSolutionName as fineSolution,
  type Method,
  type OnRows,
  planWithin,
  type Subject,
} from 'espalier/measure'
