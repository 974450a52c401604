import type { Shader } from "../../op.ts";

/**
 * A family of shaders that differ in a few choices, each made once: plans are made at every launch, and a pipeline is found by the
 * identity of its shader.
 *
 * @example
 * const scaleShader = shaders((type: "f32" | "i32") => ({ label: "scale", wgsl: `… array<${type}> …` }));
 * scaleShader("f32") === scaleShader("f32"); // true
 */
export const shaders = <Choices extends readonly (string | number | boolean)[]>(
  make: (...choices: Choices) => Shader,
): ((...choices: Choices) => Shader) => {
  const made = new Map<string, Shader>();
  return (...choices) => {
    const key = choices.join();
    let shader = made.get(key);
    if (!shader) made.set(key, (shader = make(...choices)));
    return shader;
  };
};
