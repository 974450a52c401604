import { points, twinPoints, heldOut, marks } from "./store.ts";
import { signal, effect } from "@preact/signals";
import { MeasuredCost } from "./measured-cost.tsx";
import { usePlot } from "./use-plot.ts";

/** Redraws no more often than the eye reads: a chart takes milliseconds that the page needs. */
const DRAW_MS = 500;
const drawn = signal({ points: points.value, twin: twinPoints.value, heldOut: heldOut.value, marks: marks.value });
let timer: ReturnType<typeof setTimeout> | null = null;
effect(() => {
  const next = { points: points.value, twin: twinPoints.value, heldOut: heldOut.value, marks: marks.value };
  if (next.points.length === 0) drawn.value = next;
  timer ??= setTimeout(() => {
    timer = null;
    drawn.value = { points: points.value, twin: twinPoints.value, heldOut: heldOut.value, marks: marks.value };
  }, DRAW_MS);
});

/** The loss, and beside it that of the dense twin. */
export const LossPanel = () => {
  const data = drawn.value;
  const plot = usePlot((charts, width) => charts.drawLosses(data, width), [data]);
  const last = data.heldOut.at(-1);
  return (
    <section class="card loss" aria-labelledby="loss-title">
      <header>
        <h2 id="loss-title">Loss</h2>
        <p class="keys">
          <span class="key own">this model</span>
          {data.twin.length > 0 ? <span class="key twin">dense twin</span> : null}
          <span class="key dashed">on texts it never saw</span>
        </p>
      </header>
      <div class="plot" ref={plot} data-export="loss" />
      <MeasuredCost />
      <p class="caption">
        {last
          ? `On texts that it never saw: ${last.loss.toFixed(3)}${last.twin === null ? "" : `, the dense twin ${last.twin.toFixed(3)}`}. Every 0.69 less halves the doubt about each word.`
          : "How surprised the model is by each missing word, in nats. Lower is better."}
      </p>
    </section>
  );
};
