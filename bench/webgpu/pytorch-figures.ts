/** One line of pytorch.py. */
export interface PytorchFigure {
  readonly table: string;
  readonly key: string;
  readonly ms: number;
  readonly bestMs?: number;
  /** Of all tensors at the worst moment. */
  readonly peakBytes?: number;
  readonly parameters?: number;
}

/** What PyTorch is, where it ran. */
export interface PytorchInfo {
  readonly torch: string;
  readonly cuda: string;
  readonly gpu: string;
  readonly driver: string;
  readonly transformers: string | null;
}

/** PyTorch's figures on the same machine, by table and key. */
export class PytorchFigures {
  readonly info: PytorchInfo | null;
  private readonly figures: ReadonlyMap<string, PytorchFigure>;

  constructor(info: PytorchInfo | null, figures: readonly PytorchFigure[]) {
    this.info = info;
    this.figures = new Map(figures.map((figure) => [`${figure.table}/${figure.key}`, figure]));
  }

  /** Whether any column is to show them. */
  get isThere(): boolean {
    return this.figures.size > 0;
  }

  find(table: string, key: string): PytorchFigure | null {
    return this.figures.get(`${table}/${key}`) ?? null;
  }

  ms(table: string, key: string): number | null {
    return this.find(table, key)?.ms ?? null;
  }
}
