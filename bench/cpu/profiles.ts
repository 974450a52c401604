import { profileStep } from "@tessera/models/profiling";
import { profileTable } from "../profile.ts";
import type { Setting } from "../setting.ts";
import type { Table } from "../table.ts";
import { quickSizes, robertaSizes, tinyRoberta, type RobertaSizes } from "./tiny-roberta.ts";

const DENSITIES = [1, 0.25];

/** Where the time of a training step goes, for the models of the training tables, dense and patched. */
export const profiles = async ({ quick, threads, peak, say }: Setting): Promise<Table[]> => {
  const models: readonly (readonly [string, RobertaSizes])[] = quick
    ? [["quick", quickSizes]]
    : Object.entries(robertaSizes);
  const tables: Table[] = [];
  for (const [name, sizes] of models)
    for (const density of DENSITIES) {
      say(`profile of ${name} at density ${density}`);
      const training = tinyRoberta(sizes, density);
      const lines = await profileStep(() => training.step(), { peak, steps: quick ? 3 : 15 });
      training.dispose();
      const kind = density === 1 ? "dense" : `patched at density ${density}`;
      const title = `Profile of a masked-LM training step, ${sizes.layers} layers, hidden ${sizes.hidden}, ${kind}, ${threads} ${threads === 1 ? "thread" : "threads"}`;
      tables.push(profileTable(title, lines, peak));
    }
  return tables;
};
