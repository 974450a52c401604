import type { Shader } from "../../op.ts";
import type { DeviceBuffer } from "./buffer-pool.ts";
import type { WordRing } from "./word-ring.ts";

/** A compiled shader and the bind groups that it has been used with. */
export interface Pipeline {
  readonly gpu: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly hasWords: boolean;
  /** By a hash of the buffers' numbers: a key of text for each dispatch would cost more than the dispatch. */
  readonly groups: Map<number, Bound[]>;
  /**
   * Whether a batch that uses it has run. Until then it may turn out to be invalid, and its batch with it, so each of its dispatches is
   * submitted alone. The platform says that only between turns of JavaScript: a first step that awaits nothing pays a submission for
   * each dispatch, later ones do not.
   */
  proven: boolean;
}

/** A bind group, and what it binds. */
interface Bound {
  readonly ids: readonly number[];
  readonly wordBytes: number;
  readonly group: GPUBindGroup;
}

/** Bind groups kept per shader. When there are more, all are dropped, so that ever-changing buffers do not fill memory. */
const MAX_GROUPS = 4096;
const BINDING = /@binding\((\d+)\)\s*var<\s*(uniform|storage)\s*(?:,\s*(read_write|read)\s*)?>/g;

/** Compiles shaders and binds buffers, once for each. */
export class Pipelines {
  private readonly device: GPUDevice;
  private readonly ring: WordRing;
  private readonly made = new Map<Shader, Pipeline>();

  constructor(device: GPUDevice, ring: WordRing) {
    this.device = device;
    this.ring = ring;
  }

  /** Whether a batch that uses the shader has run. */
  isProven(shader: Shader): boolean {
    return this.made.get(shader)?.proven ?? false;
  }

  of(shader: Shader): Pipeline {
    const known = this.made.get(shader);
    if (known) return known;
    const { label, wgsl } = shader;
    const entries: GPUBindGroupLayoutEntry[] = [];
    // Read from the declarations in the text, so that layout and shader cannot disagree.
    for (const [, binding, kind, access] of wgsl.matchAll(BINDING))
      entries.push({
        binding: Number(binding),
        visibility: GPUShaderStage.COMPUTE,
        buffer:
          kind === "uniform"
            ? { type: "uniform", hasDynamicOffset: true }
            : { type: access === "read_write" ? "storage" : "read-only-storage" },
      });
    const layout = this.device.createBindGroupLayout({ label, entries });
    const gpu = this.device.createComputePipeline({
      label,
      layout: this.device.createPipelineLayout({ label, bindGroupLayouts: [layout] }),
      compute: { module: this.device.createShaderModule({ label, code: wgsl }), entryPoint: "main" },
    });
    const hasWords = entries.some(({ binding }) => binding === 0);
    const pipeline = { gpu, layout, hasWords, groups: new Map<number, Bound[]>(), proven: false };
    this.made.set(shader, pipeline);
    return pipeline;
  }

  /** The bind group of these buffers, and of `wordBytes` of the ring. */
  bind(pipeline: Pipeline, label: string, buffers: readonly DeviceBuffer[], wordBytes: number): GPUBindGroup {
    let hash = wordBytes;
    for (const { id } of buffers) hash = (Math.imul(hash, 31) + id) | 0;
    const list = pipeline.groups.get(hash);
    const known = list?.find(
      ({ ids, wordBytes: bytes }) => bytes === wordBytes && buffers.every(({ id }, i) => id === ids[i]),
    );
    if (known) return known.group;
    const entries: GPUBindGroupEntry[] = buffers.map(({ gpu }, i) => ({ binding: i + 1, resource: { buffer: gpu } }));
    if (pipeline.hasWords) entries.push({ binding: 0, resource: { buffer: this.ring.buffer, size: wordBytes } });
    const group = this.device.createBindGroup({ label, layout: pipeline.layout, entries });
    const bound = { ids: buffers.map(({ id }) => id), wordBytes, group };
    if (list && pipeline.groups.size < MAX_GROUPS) list.push(bound);
    else {
      if (pipeline.groups.size >= MAX_GROUPS) pipeline.groups.clear();
      pipeline.groups.set(hash, [bound]);
    }
    return group;
  }

  /** Forgets all bind groups, and with them the buffers that they hold. */
  unbind(): void {
    for (const { groups } of this.made.values()) groups.clear();
  }

  /** Forgets shaders that never ran, so that the next use of one that does not compile says so again. */
  forget(): void {
    for (const [shader, { proven }] of this.made) if (!proven) this.made.delete(shader);
  }
}
