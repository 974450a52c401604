/** What variants differ in; of an object only its `name` tells it from others. */
type Choice = string | number | boolean | { readonly name: string };

/**
 * A family of kernels that differ in a few choices, each made once: a pipeline is found by the identity of its kernel's shader, so equal
 * choices must give the same one in every plan.
 *
 * @example
 * const scale = variants(({ type }: { readonly type: "f32" | "i32" }) => kernel({ name: "scale", … }, (k) => `… ${type} …`));
 * scale({ type: "f32" }) === scale({ type: "f32" }); // true
 */
export const variants = <Choices extends { readonly [C in keyof Choices]: Choice }, Made>(
  make: (choices: Choices) => Made,
): ((choices: Choices) => Made) => {
  const known = new Map<string, Made>();
  return (choices) => {
    let key = "";
    for (const name of Object.keys(choices).sort()) {
      const choice: Choice = choices[name as keyof Choices];
      key += `${name}=${typeof choice === "object" ? choice.name : choice},`;
    }
    const found = known.get(key);
    if (found) return found;
    const made = make(choices);
    known.set(key, made);
    return made;
  };
};
