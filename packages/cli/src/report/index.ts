export {
  type ContactSheetOptions,
  contactSheet,
  isImageShape,
  type Picture,
  type PictureGroup,
  picturesOf,
  pictureToPng,
} from './contact-sheet.ts'
export { type FrameOptions, palette } from './frame.ts'
export { type ReportPage, type ReportPictures, type ReportSection, type ReportTexts, renderReport } from './html.ts'
export { type LinePlotOptions, linePlot, type PlotAxis, type PlotPoint, type PlotSeries } from './line-plot.ts'
export { svgToPng } from './raster.ts'
export { type Region, type RegionPlotOptions, regionPlot } from './region-plot.ts'
export { type ScatterPlotOptions, type ScatterSeries, scatterPlot } from './scatter-plot.ts'
export { formatDuration, formatInterval, formatNumber, type Table, type TableColumn, tableToText } from './table.ts'
export { bestAt, type Trace, traceBand } from './trace.ts'
