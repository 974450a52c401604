import * as nn from "@tessera/nn";
import { batchNormWithStatistics, runningStatistics } from "@tessera/nn/ops/batch-norm";
import { scope, type Tensor } from "@tessera/tensor";

/** Attributes as torch spells them. */
type Attrs = { readonly [name: string]: unknown };

const NAMES: { readonly [theirs: string]: string } = {
  ceil_mode: "ceilMode",
  count_include_pad: "countIncludePad",
  divisor_override: "divisorOverride",
};

/** torch's attributes as our options, without those that are arguments here. */
const options = (attrs: Attrs): object =>
  Object.fromEntries(
    Object.entries(attrs)
      .filter(([name]) => name !== "kernel_size" && name !== "output_size")
      .map(([name, value]) => [NAMES[name] ?? name, value]),
  );

const kernel = ({ kernel_size }: Attrs): number => kernel_size as number;
const size = ({ output_size }: Attrs): number => output_size as number;
const eps = ({ eps }: Attrs): number => eps as number;

/** Convolutions, pools, windows and norms over channels, by torch's names. */
export const channelOps: { readonly [name: string]: (inputs: readonly Tensor[], attrs: Attrs) => Tensor | Tensor[] } = {
  conv1d: ([x, weight, bias], attrs) => nn.conv1d(x!, weight!, bias ?? null, options(attrs)),
  conv2d: ([x, weight, bias], attrs) => nn.conv2d(x!, weight!, bias ?? null, options(attrs)),
  max_pool1d: ([x], attrs) => nn.maxPool1d(x!, kernel(attrs), options(attrs)),
  max_pool2d: ([x], attrs) => nn.maxPool2d(x!, kernel(attrs), options(attrs)),
  avg_pool1d: ([x], attrs) => nn.avgPool1d(x!, kernel(attrs), options(attrs)),
  avg_pool2d: ([x], attrs) => nn.avgPool2d(x!, kernel(attrs), options(attrs)),
  unfold: ([x], attrs) => nn.unfold(x!, kernel(attrs), options(attrs)),
  fold: ([x], attrs) => nn.fold(x!, size(attrs), kernel(attrs), options(attrs)),
  // The output, and the running statistics after it.
  batch_norm: ([x, weight, bias, mean, variance], attrs) =>
    scope(() => {
      const [y, batchMean, batchVariance] = batchNormWithStatistics(x!, { weight, bias, eps: eps(attrs) });
      const batch = { mean: batchMean!, variance: batchVariance! };
      const running = { mean: mean!, variance: variance!, batches: nn.init.zeros([], { dtype: "int32", device: x!.device }) };
      const how = { momentum: attrs["momentum"] as number, samples: x!.numel() / x!.size(1) };
      return [y, ...runningStatistics(batch, running, how).slice(0, 2)];
    }),
  batch_norm_eval: ([x, weight, bias, mean, variance], attrs) =>
    nn.batchNorm(x!, { weight, bias, mean, variance, eps: eps(attrs) }),
  group_norm: ([x, weight, bias], attrs) =>
    nn.groupNorm(x!, attrs["num_groups"] as number, { weight, bias, eps: eps(attrs) }),
};
