import type { ParameterState } from "@tessera/nn";
import type { Shape, Tensor } from "@tessera/tensor";
import { sameShape } from "@tessera/tensor/extend";

/** What an optimiser remembers of a parameter, with each tensor that is shaped like it brought into another form; counts stay. */
export const mapMoments = (
  state: ParameterState,
  shape: Shape,
  convert: (moment: Tensor) => Tensor,
): ParameterState => {
  const moments = Object.entries(state).filter(([, tensor]) => sameShape(tensor.shape, shape));
  return { ...state, ...Object.fromEntries(moments.map(([key, tensor]) => [key, convert(tensor)] as const)) };
};
