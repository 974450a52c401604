/** As much of tfjs as the benchmarks use. */
export interface TfTensor {
  data(): Promise<Float32Array>;
  dataSync(): Float32Array;
  dispose(): void;
}

export interface TfVariable extends TfTensor {
  readonly name: string;
}

export interface Tf {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  env(): { set(flag: string, value: boolean): void };
  dispose(tensors: TfTensor[]): void;
  tidy<T>(fn: () => T): T;
  tensor(values: Float32Array, shape: readonly number[]): TfTensor;
  variable(initial: TfTensor): TfVariable;
  variableGrads(
    fn: () => TfTensor,
    variables: TfVariable[],
  ): { value: TfTensor; grads: Readonly<Record<string, TfTensor>> };
  readonly train: {
    adam(
      learningRate: number,
      beta1: number,
      beta2: number,
      epsilon: number,
    ): { applyGradients(gradients: Readonly<Record<string, TfTensor>>): void; dispose(): void };
  };
  matMul(a: TfTensor, b: TfTensor, transposeA?: boolean, transposeB?: boolean): TfTensor;
  add(a: TfTensor | number, b: TfTensor | number): TfTensor;
  sub(a: TfTensor | number, b: TfTensor | number): TfTensor;
  mul(a: TfTensor | number, b: TfTensor | number): TfTensor;
  div(a: TfTensor | number, b: TfTensor | number): TfTensor;
  exp(x: TfTensor): TfTensor;
  sqrt(x: TfTensor): TfTensor;
  square(x: TfTensor): TfTensor;
  tanh(x: TfTensor): TfTensor;
  softmax(x: TfTensor): TfTensor;
  mean(x: TfTensor, axis?: number, keepDims?: boolean): TfTensor;
  reshape(x: TfTensor, shape: readonly number[]): TfTensor;
  transpose(x: TfTensor, permutation: readonly number[]): TfTensor;
}
