/** Names of a classifier's labels. */
export interface LabelOptions {
  /** Default 2, or as many as there are names in `id2label`. */
  numLabels?: number;
  /** Default `LABEL_0`, `LABEL_1`, … */
  id2label?: Readonly<Record<number, string>>;
  /** Default: `id2label` the other way round. */
  label2id?: Readonly<Record<string, number>>;
}

export interface Labels {
  readonly id2label: Readonly<Record<number, string>>;
  readonly label2id: Readonly<Record<string, number>>;
}

/** Throws the error about an option: its name, what was expected, what came. */
export type Refuse = (name: string, expected: string, got: unknown) => never;

/** A head with more rows than any task has labels is a mistake; their names alone would fill the memory. */
const MAX_LABELS = 1_000_000;

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

/** Labels as they were given, or named by their numbers. */
export const labelsOf = ({ numLabels, id2label, label2id }: LabelOptions, refuse: Refuse): Labels => {
  const names = id2label ? checkedNames(id2label, numLabels, refuse) : numberedNames(numLabels ?? 2, refuse);
  return {
    id2label: names,
    label2id: label2id
      ? checkedIds(label2id, Object.keys(names).length, refuse)
      : Object.fromEntries(Object.entries(names).map(([id, label]) => [label, Number(id)])),
  };
};

const checkedIds = (label2id: Labels["label2id"], count: number, refuse: Refuse): Labels["label2id"] => {
  const isId = (id: unknown): boolean => Number.isInteger(id) && (id as number) >= 0 && (id as number) < count;
  if (!isObject(label2id) || Array.isArray(label2id) || !Object.values(label2id).every(isId))
    refuse("label2id", `names with ids from 0 to ${count - 1}`, label2id);
  return label2id;
};

const numberedNames = (count: number, refuse: Refuse): Labels["id2label"] => {
  if (!(Number.isInteger(count) && count >= 1)) refuse("numLabels", "a whole number ≥ 1", count);
  if (count > MAX_LABELS) refuse("numLabels", `at most ${MAX_LABELS}`, count);
  return Object.fromEntries(Array.from({ length: count }, (_, id) => [id, `LABEL_${id}`]));
};

const checkedNames = (
  id2label: Labels["id2label"],
  numLabels: number | undefined,
  refuse: Refuse,
): Labels["id2label"] => {
  if (!isObject(id2label)) refuse("id2label", "names by id", id2label);
  const count = Object.keys(id2label).length;
  for (let id = 0; id < count; id++)
    if (typeof id2label[id] !== "string") refuse("id2label", `a name for each of 0 … ${count - 1}`, id2label);
  if (count === 0) refuse("id2label", "at least one name", id2label);
  if (numLabels !== undefined && numLabels !== count)
    refuse("numLabels", `${count}, as many as id2label has`, numLabels);
  return { ...id2label };
};

/** Whether labels are the two that a file need not name. */
export const arePlain = ({ id2label }: Labels): boolean =>
  Object.keys(id2label).length === 2 && id2label[0] === "LABEL_0" && id2label[1] === "LABEL_1";
