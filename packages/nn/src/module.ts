import { ArgumentError, keep, Parameter, scope, Tensor, type DeviceLike, type HostTensor } from "@tessera/tensor";
import { inspectCustom, resolveDevice } from "@tessera/tensor/extend";
import { locate } from "./error-path.ts";
import { showModule } from "./module-text.ts";
import { childrenOf, joinPath, moduleAt, refill, registerBuffer, slotsOf, walk } from "./module-tree.ts";
import { loadSlots, type LoadableState, type LoadReport, type StateDict } from "./state-dict.ts";

/** Sees a call after it ran, inside the layer's scope. What it returns, if anything, replaces the output. */
export type ForwardHook = (module: Module, args: readonly unknown[], output: unknown) => unknown;
/** Sees a call before it runs. */
export type ForwardPreHook = (module: Module, args: readonly unknown[]) => void;

// A scope refuses promises by type; a layer's return type is not known here, and the scope still checks it at run time.
const scoped = scope as (fn: () => unknown) => unknown;

/**
 * The base of every layer and model: a tree of modules, whose parameters and buffers are named by their property path.
 *
 * A subclass declares its fields with their shapes, makes them in the constructor, and computes in `forward`. Modules,
 * parameters and `this.buffer(…)` tensors in its properties are found there, in the order of the properties; arrays are not
 * looked into: use `ModuleList`. Each call of `forward` is a `scope`: what it returns survives, the rest is freed. The message of
 * an error gets the layer's path: `encoder.layer.0.dense: linear: …`.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html torch.nn.Module}
 *
 * @example
 * class Net extends Module {
 *   readonly hidden = new Linear(4, 8); // weight [8, 4], bias [8]
 *   readonly out = new Linear(8, 2);
 *   forward(x: Tensor): Tensor {
 *     return this.out.forward(relu(this.hidden.forward(x)));
 *   }
 * }
 * new Net().numParameters(); // 58
 */
export abstract class Module {
  /** Whether layers such as Dropout behave as in training. Set it with `train()` and `eval()`. */
  training = true;
  readonly #hooks = new Set<ForwardHook>();
  readonly #preHooks = new Set<ForwardPreHook>();

  constructor() {
    const forward = this.forward.bind(this) as (...args: readonly unknown[]) => unknown;
    Object.defineProperty(this, "forward", {
      configurable: true,
      writable: true,
      value: (...args: readonly unknown[]) => this.#call(forward, args),
    });
  }

  /**
   * Whether weight decay is for the parameters of this module. A module whose parameters say where zero or one is, as those
   * of a normalisation do, overrides it with false.
   *
   * @example
   * class ScaleNorm extends Module {
   *   override get decays(): boolean {
   *     return false;
   *   }
   * }
   */
  get decays(): boolean {
    return true;
  }

  /** Computes the module's output. */
  abstract forward(...args: never[]): unknown;

  #call(forward: (...args: readonly unknown[]) => unknown, args: readonly unknown[]): unknown {
    try {
      return scoped(() => {
        for (const hook of this.#preHooks) hook(this, args);
        let output = forward(...args);
        for (const hook of this.#hooks) output = hook(this, args, output) ?? output;
        return output;
      });
    } catch (error) {
      throw locate(error, this);
    }
  }

  /**
   * Makes a tensor a buffer: it is not learned, but moves with the module and, when `persistent`, is saved. Takes the tensor
   * out of every scope and returns it, to be put into a property. Moving and loading put a new tensor into that property.
   *
   * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.register_buffer register_buffer}
   */
  protected buffer(tensor: Tensor, { persistent = true }: { persistent?: boolean | undefined } = {}): Tensor {
    registerBuffer(tensor, persistent);
    return keep(tensor);
  }

  /** This module and all below it, by path ("" is this one); a shared module once, by its first path. */
  namedModules(): ReadonlyMap<string, Module> {
    const paths = new Map<Module, string>();
    for (const [path, module] of walk(this)) if (!paths.has(module)) paths.set(module, path);
    return new Map([...paths].map(([module, path]) => [path, module]));
  }

  /** The modules held directly, by property. */
  namedChildren(): ReadonlyMap<string, Module> {
    return new Map(childrenOf(this));
  }

  /** Every parameter once, by its canonical path: the first one in the order of the properties. See `aliases()`. */
  namedParameters(): ReadonlyMap<string, Parameter> {
    const found = new Map<string, Parameter>();
    for (const { tensor, paths } of slotsOf(this)) if (tensor instanceof Parameter) found.set(paths[0]!, tensor);
    return found;
  }

  /** Every buffer once, by its canonical path. */
  namedBuffers(): ReadonlyMap<string, Tensor> {
    const found = new Map<string, Tensor>();
    for (const { tensor, paths } of slotsOf(this)) if (!(tensor instanceof Parameter)) found.set(paths[0]!, tensor);
    return found;
  }

  /** The other paths of parameters and buffers that have several (tied weights), by canonical path. */
  aliases(): ReadonlyMap<string, readonly string[]> {
    return new Map(
      slotsOf(this).flatMap(({ paths: [first, ...others] }) => (others.length > 0 ? [[first!, others] as const] : [])),
    );
  }

  parameters(): readonly Parameter[] {
    return [...this.namedParameters().values()];
  }

  /** How many numbers the module learns; tied weights count once. With `trainable`, frozen ones are left out. */
  numParameters({ trainable = false }: { trainable?: boolean | undefined } = {}): number {
    let total = 0;
    for (const { tensor, places } of slotsOf(this))
      if (tensor instanceof Parameter && (tensor.trainable || !trainable)) total += places[0]!.owner.elementsOf(tensor);
    return total;
  }

  /** How many numbers of one of its own parameters a module learns: all of them, unless it pads. */
  protected elementsOf(parameter: Parameter): number {
    return parameter.numel();
  }

  /**
   * Why a value cannot be loaded into one of the module's own tensors, beyond shape and dtype; `null` when it can. Asked before
   * anything changes: a layer whose buffers say where values belong refuses others here.
   */
  protected checkState(_name: string, _value: Tensor | HostTensor): string | null {
    return null;
  }

  /** Parameters and persistent buffers by canonical path: the tensors themselves, not copies. */
  stateDict(): StateDict {
    return new Map(
      slotsOf(this).flatMap(({ tensor, paths, persistent }) => (persistent ? [[paths[0]!, tensor] as const] : [])),
    );
  }

  /**
   * Copies a state into the parameters and persistent buffers: all of it, or nothing. A tied weight may come under any of its
   * paths. With `strict: false`, missing and unexpected keys are reported and not refused; wrong shapes are always refused.
   *
   * @throws StateDictError that lists every missing, unexpected and mismatched key; the module is unchanged.
   * @example
   * model.loadStateDict(other.stateDict());
   */
  loadStateDict(state: LoadableState, { strict = true }: { strict?: boolean | undefined } = {}): LoadReport {
    const slots = slotsOf(this).filter((slot) => slot.persistent);
    return loadSlots(slots, state, strict, ({ owner, name }, value) => owner.checkState(name, value));
  }

  /** Puts the whole tree into training mode, or with `false` out of it. */
  train(mode = true): this {
    for (const module of this.namedModules().values()) module.training = mode;
    return this;
  }

  /** Puts the whole tree into evaluation mode: no dropout. */
  eval(): this {
    return this.train(false);
  }

  /** Moves all parameters and buffers to a device, or, when that fails, none. Gradients taken before stay where they are. */
  async to(device: DeviceLike): Promise<this> {
    const target = resolveDevice(device);
    const slots = slotsOf(this).filter(({ tensor }) => tensor.device !== target);
    const moved: Tensor[] = [];
    try {
      for (const { tensor } of slots) {
        const values = await tensor.data();
        moved.push(keep(Tensor.fromHost(values, tensor.shape, tensor.dtype, target, "to")));
      }
    } catch (error) {
      for (const tensor of moved) tensor.dispose();
      throw error;
    }
    for (const [i, slot] of slots.entries()) refill(slot, moved[i]!);
    return this;
  }

  /**
   * Takes parameters out of training: they get no gradient, and cost none. A string is the path of a parameter or of a module;
   * a regular expression is tried on every path of every parameter.
   *
   * @throws ArgumentError when nothing matches.
   * @example
   * model.freeze("roberta.embeddings").freeze(/layer\.[0-5]\./);
   */
  freeze(pattern: RegExp | string = ""): this {
    return this.#setTrainable("freeze", pattern, false);
  }

  /** Undoes `freeze`. @throws ArgumentError when nothing matches. */
  unfreeze(pattern: RegExp | string = ""): this {
    return this.#setTrainable("unfreeze", pattern, true);
  }

  #setTrainable(op: string, pattern: RegExp | string, trainable: boolean): this {
    const matches = (path: string): boolean =>
      typeof pattern !== "string"
        ? path.search(pattern) >= 0
        : pattern === "" || path === pattern || path.startsWith(`${pattern}.`);
    const parameters = slotsOf(this).filter(({ tensor }) => tensor instanceof Parameter);
    const chosen = parameters.filter(({ paths }) => paths.some(matches));
    if (chosen.length === 0)
      throw new ArgumentError(
        `${op}: expected a pattern of some parameters, ${String(pattern)} matches none; they are ${parameters.map(({ paths }) => paths[0]).join(", ")}`,
      );
    for (const { tensor } of chosen) (tensor as Parameter).trainable = trainable;
    return this;
  }

  /** Calls `fn` on every module of the tree, children before their parent: for initialisation. */
  apply(fn: (module: Module, path: string) => void): this {
    const seen = new Set<Module>();
    const visit = (path: string, module: Module): void => {
      if (seen.has(module)) return;
      seen.add(module);
      for (const [name, child] of childrenOf(module)) visit(joinPath(path, name), child);
      fn(module, path);
    };
    visit("", this);
    return this;
  }

  /**
   * The module at a path.
   *
   * @throws ArgumentError when there is none; the message lists those that exist.
   * @example
   * model.getSubmodule("encoder.layer.0");
   */
  getSubmodule(path: string): Module {
    return moduleAt(this, path);
  }

  /**
   * Puts a module in place of the one at a path, in the same mode (training or not), and returns the old one, which is now the
   * caller's: keep it to put it back, or `dispose()` it. What is shared is replaced at this path only.
   *
   * @throws ArgumentError when there is no module at the path, or the path is empty.
   */
  setSubmodule(path: string, module: Module): Module {
    if (path === "")
      throw new ArgumentError(
        "setSubmodule: expected the path of a module below this one, got the empty path; use the new module itself",
      );
    const old = this.getSubmodule(path);
    const at = path.lastIndexOf(".");
    const parent = this.getSubmodule(path.slice(0, Math.max(at, 0)));
    (parent as unknown as { [name: string]: Module })[path.slice(at + 1)] = module;
    module.train(old.training);
    return old;
  }

  /** Calls `hook` after every call of this module, until the returned function is called. */
  registerForwardHook(hook: ForwardHook): () => void {
    this.#hooks.add(hook);
    return () => this.#hooks.delete(hook);
  }

  /** Calls `hook` before every call of this module, until the returned function is called. */
  registerForwardPreHook(hook: ForwardPreHook): () => void {
    this.#preHooks.add(hook);
    return () => this.#preHooks.delete(hook);
  }

  /** Frees all parameters and buffers. The module cannot be used afterwards. */
  dispose(): void {
    for (const { tensor } of slotsOf(this)) tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** What `toString` says about this module beside its children: `inFeatures=4, outFeatures=8`. */
  extraRepr(): string {
    return "";
  }

  /** The tree of modules, in torch's form. */
  toString(): string {
    return showModule(this);
  }

  [inspectCustom](): string {
    return this.toString();
  }
}
