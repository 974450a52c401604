/**
 * Where `console.log` and REPLs of Node, Deno and Bun ask a value for its text. The symbol is registered by that name, so nothing is
 * imported for it. What has a `toString` of its own answers with that.
 *
 * {@link https://nodejs.org/api/util.html#custom-inspection-functions-on-objects util.inspect.custom}
 */
export const inspectCustom: unique symbol = Symbol.for("nodejs.util.inspect.custom");
