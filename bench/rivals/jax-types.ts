/** As much of jax-js as the benchmarks use. Every function consumes its arguments; `ref` is one more use of an array. */
export interface JaxArray {
  readonly ref: JaxArray;
  readonly shape: readonly number[];
  add(other: JaxArray | number): JaxArray;
  sub(other: JaxArray | number): JaxArray;
  mul(other: JaxArray | number): JaxArray;
  div(other: JaxArray | number): JaxArray;
  reshape(shape: readonly number[]): JaxArray;
  transpose(permutation: readonly number[]): JaxArray;
  data(): Promise<Float32Array>;
  blockUntilReady(): Promise<JaxArray>;
  dispose(): void;
}

export type JaxTree = JaxArray | readonly JaxTree[] | { readonly [name: string]: JaxTree };

export interface Jax {
  init(device: "wasm"): Promise<readonly string[]>;
  defaultDevice(device: "wasm"): string;
  blockUntilReady<T extends JaxTree>(tree: T): Promise<T>;
  jit<A extends readonly JaxTree[], R extends JaxTree>(
    fn: (...args: A) => R,
  ): ((...args: A) => R) & { dispose(): void };
  valueAndGrad<P extends JaxTree, A extends readonly JaxTree[]>(
    fn: (params: P, ...rest: A) => JaxArray,
  ): (params: P, ...rest: A) => [JaxArray, P];
  readonly numpy: {
    array(values: Float32Array | number, options?: { shape: readonly number[] }): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
    exp(x: JaxArray): JaxArray;
    sqrt(x: JaxArray): JaxArray;
    square(x: JaxArray): JaxArray;
    mean(x: JaxArray): JaxArray;
  };
  readonly nn: {
    softmax(x: JaxArray): JaxArray;
    gelu(x: JaxArray, options: { approximate: boolean }): JaxArray;
    standardize(x: JaxArray, axis: number, options: { epsilon: number }): JaxArray;
  };
}
