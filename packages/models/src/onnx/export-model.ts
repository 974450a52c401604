import { zeros, type Tensor } from "@tessera/tensor";
import type { PreTrainedModel } from "../pre-trained-model.ts";
import { exportOnnx, type NamedTensors, type OnnxOptions } from "./export-onnx.ts";
import type { Sizes } from "./size-expression.ts";

export type ExportModelOptions = Pick<OnnxOptions, "sparseInitializers" | "metadata" | "lowerings">;

/** The outputs of models that are files' outputs, with Hugging Face's names. */
const OUTPUTS = {
  logits: "logits",
  startLogits: "start_logits",
  endLogits: "end_logits",
  lastHiddenState: "last_hidden_state",
  poolerOutput: "pooler_output",
} as const;

type Forward = (inputs: { readonly [name: string]: Tensor | undefined }) => {
  readonly [name: string]: Tensor | readonly Tensor[] | undefined;
};

const ids = (sizes: Sizes): Tensor => zeros([sizes["batch"]!, sizes["tokens"]!], { dtype: "int32" });

/**
 * A model of this package as the bytes of `model.onnx`, with the names of inputs and outputs that Hugging Face's exports have: `input_ids`
 * and `attention_mask`, and `token_type_ids` where there is more than one type, `[batch, tokens]`; or `pixel_values`. Block-sparse layers are
 * written dense, unless `sparseInitializers` says otherwise.
 *
 * Source: {@link https://huggingface.co/docs/transformers/serialization Hugging Face's export}.
 *
 * @throws OnnxError as `exportOnnx`
 * @example
 * const { model } = await RobertaForMaskedLM.fromPretrained("my-model");
 * await writeFile("model.onnx", await exportModel(model));
 */
export const exportModel = async (model: PreTrainedModel, options: ExportModelOptions = {}): Promise<Uint8Array> => {
  const { device } = model.parameters()[0]!;
  const config = model.config as {
    readonly imageSize?: number;
    readonly numChannels?: number;
    readonly typeVocabSize?: number;
  };
  const { imageSize, numChannels = 3, typeVocabSize = 1 } = config;
  const forward = (model as unknown as { forward: Forward }).forward.bind(model);
  const outputs = (given: Parameters<Forward>[0]): NamedTensors => {
    const result = forward(given);
    return Object.fromEntries(
      Object.entries(OUTPUTS).flatMap(([name, file]) => (result[name] ? [[file, result[name] as Tensor]] : [])),
    );
  };
  if (imageSize !== undefined)
    return exportOnnx(model, {
      sizes: ["batch"],
      inputs: ({ batch }) => ({ pixel_values: zeros([batch!, numChannels, imageSize, imageSize], { device }) }),
      forward: ({ pixel_values: pixelValues }) => outputs({ pixelValues }),
      ...options,
    });
  const hasTypes = typeVocabSize > 1;
  return exportOnnx(model, {
    sizes: ["batch", "tokens"],
    inputs: (sizes) => ({
      input_ids: ids(sizes),
      attention_mask: ids(sizes),
      ...(hasTypes ? { token_type_ids: ids(sizes) } : {}),
    }),
    forward: ({ input_ids: inputIds, attention_mask: attentionMask, token_type_ids: tokenTypeIds }) =>
      outputs({ inputIds, attentionMask, ...(hasTypes ? { tokenTypeIds } : {}) }),
    ...options,
  });
};
