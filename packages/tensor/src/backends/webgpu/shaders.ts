import type { Shader } from "../../op.ts";

/**
 * A family of programs written out by hand, bindings and all, for what `kernel` cannot say. They differ in a few choices, and each is made
 * once: a pipeline is found by the identity of its shader. Of an object only its `name` tells it from others.
 *
 * @example
 * const scaleShader = shaders((type: "f32" | "i32") => ({ label: "scale", wgsl: `… array<${type}> …` }));
 * scaleShader("f32") === scaleShader("f32"); // true
 */
export const shaders = <Choices extends readonly (string | number | boolean | { readonly name: string })[]>(
  make: (...choices: Choices) => Shader,
): ((...choices: Choices) => Shader) => {
  const made = new Map<string, Shader>();
  return (...choices) => {
    let key = "";
    for (const choice of choices) key += `${typeof choice === "object" ? choice.name : choice},`;
    let shader = made.get(key);
    if (!shader) made.set(key, (shader = make(...choices)));
    return shader;
  };
};
