import { Gradients } from "@tessera/autograd";
import type { Optimizer } from "@tessera/nn";
import { Parameter, scope, type Backend, type HostTensor, type Tensor } from "@tessera/tensor";
import { normal } from "./generate.ts";

const shapes = { weight: [3, 5], bias: [7], scale: [] };

export const randomParameter = (device: Backend, shape: readonly number[], seed: number): Parameter =>
  new Parameter(normal(...shape).make(seed, device));

/** Three parameters, the same in every call. */
export const toyParameters = (device: Backend): Map<string, Parameter> =>
  new Map(Object.entries(shapes).map(([name, shape], i) => [name, randomParameter(device, shape, i + 1)]));

/** Gradients for parameters, the same for the same step. */
export const toyGradients = (params: ReadonlyMap<string, Parameter>, step: number): Gradients =>
  new Gradients(
    [...params].map(([name, { shape, device }], i) => [name, normal(...shape).make(1000 * step + i, device)]),
  );

export const takeStep = (optimizer: Optimizer, params: ReadonlyMap<string, Parameter>, step: number): void =>
  scope((): void => optimizer.step(toyGradients(params, step)));

/** Copies on the host, as files hold them. */
export const onHost = async (tensors: ReadonlyMap<string, Tensor>): Promise<Map<string, HostTensor>> =>
  new Map(
    await Promise.all(
      [...tensors].map(
        async ([name, x]) => [name, { shape: x.shape, dtype: x.dtype, data: await x.data() }] as [string, HostTensor],
      ),
    ),
  );

export const freeAll = (optimizer: Optimizer, params: ReadonlyMap<string, Parameter>): void => {
  optimizer.dispose();
  for (const parameter of params.values()) parameter.dispose();
};
