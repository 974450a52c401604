// PyTorch's ops, gradients and optimiser traces, and the trajectories of Hugging Face's models, here in a browser.
import "../goldens/goldens.test.ts";
import "../models/goldens.test.ts";
