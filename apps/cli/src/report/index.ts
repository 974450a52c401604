// Parts of an HTML report, and the whole reports of the commands: plain data in, markup or a document out.
export { CommandError } from "../terminal/command-error.ts";
export { escapeHtml, html, Markup, type MarkupValue } from "./markup.ts";
export { renderAccuracyChart, type AccuracyBar } from "./render-accuracy-chart.ts";
export { renderAdditivity, type AdditivePoint } from "./render-additivity.ts";
export { renderAttention, type AttentionData } from "./render-attention.ts";
export { renderBlockMosaic, type BlockMosaicData } from "./render-block-mosaic.ts";
export { renderCurves, type Curve, type CurvePoint, type CurvesOptions } from "./render-curves.ts";
export { renderDemoReport, type Contender, type DemoReportData, type FilledMask } from "./render-demo-report.ts";
export {
  renderDivergingHeatMap,
  type DivergingCell,
  type DivergingHeatMapOptions,
} from "./render-diverging-heat-map.ts";
export { renderHeatMap, type HeatCell, type HeatMapOptions } from "./render-heat-map.ts";
export { renderLossChart, smooth, thinOut, type LossPoint, type LossSeries } from "./render-loss-chart.ts";
export { renderPareto, type ParetoPoint } from "./render-pareto.ts";
export { renderPage, renderTiles, type Tile } from "./render-page.ts";
export { renderTable, type TableColumn } from "./render-table.ts";
export { seriesColor } from "./series-color.ts";
