import { ArgumentError } from "@tessera/tensor";
import { suggestName } from "../nearest-name.ts";
import type { SensitivityRow } from "../sensitivity/sensitivity-row.ts";

/** What one group comes to at one density, beside itself when dense: means over seeds. */
export interface Choice {
  /** As it was asked for; 1 is dense. */
  readonly density: number;
  readonly realisedDensity: number;
  /** Loss added, in nats. */
  readonly loss: number;
  /** Accuracy lost; `null` where none was measured. */
  readonly drop: number | null;
  /** Parameters of the model that it saves. */
  readonly parameters: number;
  /** Milliseconds of a step that it saves; `null` where no time was taken. */
  readonly stepMs: number | null;
}

/** The measured curve of a group, from dense downwards. */
export interface Curve {
  readonly group: string;
  readonly layers: readonly string[];
  readonly shapes: readonly (readonly [number, number])[];
  readonly choices: readonly Choice[];
}

export interface Curves {
  readonly curves: readonly Curve[];
  readonly dense: {
    readonly loss: number;
    readonly accuracy: number | null;
    readonly parameters: number;
    readonly stepMs: number | null;
  };
  readonly blockSize: number;
  readonly criterion: string;
  readonly layout: string;
}

/** Which rows, where there are several sweeps among them. */
export interface RowChoice {
  readonly criterion?: string | undefined;
  readonly blockSize?: number | undefined;
}

const OP = "allocate";

const mean = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0) / numbers.length;

/** The mean, or `null` unless every row has the number. */
const meanOf = (numbers: readonly (number | undefined)[]): number | null =>
  numbers.length > 0 && numbers.every((one) => one !== undefined) ? mean(numbers) : null;

/** The only value, or the one that was asked for. */
const single = <T extends string | number>(what: string, values: readonly T[], asked: T | undefined): T => {
  const found = [...new Set(values)];
  if (asked !== undefined && !found.includes(asked))
    throw new ArgumentError(
      `${OP}: expected rows of ${what} ${asked}; ${suggestName(String(asked), found.map(String))}`,
    );
  if (asked === undefined && found.length > 1)
    throw new ArgumentError(`${OP}: expected rows of one ${what}, got ${found.join(", ")}; choose one by ${what}`);
  return asked ?? found[0]!;
};

/**
 * The curves of leave-one-out rows.
 *
 * @throws ArgumentError when rows are of several models or conditions, or there is no dense one
 */
export const curvesOf = (rows: readonly SensitivityRow[], { criterion, blockSize }: RowChoice): Curves => {
  const measured = rows.filter(({ error }) => error === undefined);
  const alone = measured.filter(({ mode }) => mode === "leave-one-out");
  if (alone.length === 0)
    throw new ArgumentError(
      `${OP}: expected rows of mode leave-one-out, got none that were measured; run sensitivity first`,
    );
  single(
    "model",
    measured.map(({ checkpointHash }) => checkpointHash),
    undefined,
  );
  single(
    "conditions",
    measured.map(({ conditions }) => JSON.stringify(conditions)),
    undefined,
  );
  const judge = single(
    "criterion",
    alone.map((row) => row.criterion),
    criterion,
  );
  const block = single(
    "blockSize",
    alone.map((row) => row.blockSize),
    blockSize,
  );
  const recover = single(
    "recover",
    alone.map((row) => row.recover),
    undefined,
  );
  const denseRows = measured.filter((row) => row.mode === "dense" && row.recover === recover);
  if (denseRows.length === 0)
    throw new ArgumentError(`${OP}: expected a row of the dense model, got none; merge the other shards first`);
  const denseOf = (seed: number): SensitivityRow => denseRows.find((row) => row.seed === seed) ?? denseRows[0]!;
  const chosen = alone.filter((row) => row.criterion === judge && row.blockSize === block);
  const curves = [...new Set(chosen.map(({ group }) => group))].map((group): Curve => {
    const own = chosen.filter((row) => row.group === group);
    const densities = [...new Set(own.map(({ density }) => density))].sort((a, b) => b - a);
    const { layers, shapes } = own[0]!;
    return {
      group,
      layers,
      shapes,
      choices: [
        DENSE,
        ...densities.map((density) =>
          choiceOf(
            own.filter((row) => row.density === density),
            denseOf,
          ),
        ),
      ],
    };
  });
  return {
    curves,
    dense: {
      loss: mean(denseRows.map(({ loss }) => loss!)),
      accuracy: meanOf(denseRows.map(({ accuracy }) => accuracy)),
      parameters: denseRows[0]!.parameters!,
      stepMs: meanOf(chosen.map(({ denseStepMs }) => denseStepMs)),
    },
    blockSize: block,
    criterion: judge,
    layout: String(chosen[0]!.conditions["layout"] ?? "best"),
  };
};

const DENSE: Choice = { density: 1, realisedDensity: 1, loss: 0, drop: 0, parameters: 0, stepMs: 0 };

const choiceOf = (rows: readonly SensitivityRow[], denseOf: (seed: number) => SensitivityRow): Choice => ({
  density: rows[0]!.density,
  realisedDensity: mean(rows.map(({ realisedDensity }) => realisedDensity!)),
  loss: mean(rows.map(({ loss, seed }) => loss! - denseOf(seed).loss!)),
  drop: meanOf(
    rows.map(({ accuracy, seed }) => {
      const dense = denseOf(seed).accuracy;
      return accuracy === undefined || dense === undefined ? undefined : dense - accuracy;
    }),
  ),
  parameters: mean(rows.map(({ parameters, seed }) => denseOf(seed).parameters! - parameters!)),
  stepMs: meanOf(
    rows.map(({ stepMs, denseStepMs }) =>
      stepMs === undefined || denseStepMs === undefined ? undefined : denseStepMs - stepMs,
    ),
  ),
});
