import { ArgumentError, type Parameter } from "@tessera/tensor";
import { Module } from "../module.ts";

/**
 * Parameters in a row, with their numbers as keys: `scales.0`, `scales.1`. The module that holds it uses them.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.ParameterList.html torch.nn.ParameterList}
 *
 * @example
 * const scales = new ParameterList([new Parameter(ones([4])), new Parameter(ones([4]))]);
 * [...scales.namedParameters().keys()]; // ["0", "1"]
 */
export class ParameterList extends Module implements Iterable<Parameter> {
  [index: number]: Parameter;

  constructor(parameters: Iterable<Parameter> = []) {
    super();
    for (const parameter of parameters) this.append(parameter);
  }

  /** How many parameters there are. */
  get length(): number {
    return Object.keys(this).filter((key) => /^\d+$/.test(key)).length;
  }

  /** The parameter of that number; negative ones count from the back. @throws ArgumentError when there is none. */
  at(index: number): Parameter {
    const { length } = this;
    const parameter = this[index < 0 ? index + length : index];
    if (!parameter)
      throw new ArgumentError(`ParameterList: expected an index from ${-length} to ${length - 1}, got ${index}`);
    return parameter;
  }

  append(parameter: Parameter): this {
    this[this.length] = parameter;
    return this;
  }

  *[Symbol.iterator](): Iterator<Parameter> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }

  /** @throws ArgumentError always. */
  forward(): never {
    throw new ArgumentError(
      "ParameterList: expected uses of the parameters in it, got a call of the list; loop over it",
    );
  }
}
