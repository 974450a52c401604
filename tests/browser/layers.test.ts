// Layers, losses and block-sparse layers, their training too, here in a browser.
import "../nn/conformance.test.ts";
import "../nn/conv-layers.test.ts";
import "../nn/layers.test.ts";
import "../nn/losses.test.ts";
import "../nn/multi-head-attention.test.ts";
import "../nn/training.test.ts";
import "../sparse/block-sparse-linear.test.ts";
import "../sparse/training.test.ts";
