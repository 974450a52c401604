import { useEffect, useRef } from "preact/hooks";
import type { Histogram } from "../engine/protocol.ts";
import { usePlot } from "./use-plot.ts";

interface DialogProps {
  readonly histogram: Histogram;
  readonly title: string;
  readonly onClose: () => void;
}

/** How the weights of one layer are distributed. */
export const LayerDialog = ({ histogram, title, onClose }: DialogProps) => {
  const dialog = useRef<HTMLDialogElement>(null);
  const plot = usePlot((charts, width) => charts.drawHistogram(histogram, width), [histogram]);
  useEffect(() => dialog.current!.showModal(), []);
  const { stored, mean, deviation } = histogram;
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="layer-title">
      <h2 id="layer-title">{title}</h2>
      <p>
        {stored.toLocaleString("en-US")} stored weights, mean {mean.toExponential(1)}, standard deviation{" "}
        {deviation.toFixed(4)}
      </p>
      <div class="plot" ref={plot} />
      <p class="path">{histogram.layer}</p>
      <form method="dialog">
        <button>Close</button>
      </form>
    </dialog>
  );
};
