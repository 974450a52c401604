import { useEffect, useRef, useState } from "preact/hooks";
import type { RefObject } from "preact";
import type * as DrawCharts from "./draw-charts.ts";

type Charts = typeof DrawCharts;

/** The charts' library is a quarter of the page's bytes: it comes after the first picture. */
let charts: Promise<Charts> | null = null;
export const loadCharts = (): Promise<Charts> => (charts ??= import("./draw-charts.ts"));

/** Draws into an element whenever `inputs` or its width change. */
export const usePlot = (
  draw: (charts: Charts, width: number) => Element,
  inputs: readonly unknown[],
): RefObject<HTMLDivElement | null> => {
  const element = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => setWidth(Math.round(entry!.contentRect.width)));
    watch.observe(element.current!);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    let current = true;
    if (width > 0)
      void loadCharts().then((loaded) => {
        if (current) element.current?.replaceChildren(draw(loaded, width));
      });
    return () => {
      current = false;
    };
  }, [width, ...inputs]);
  return element;
};
