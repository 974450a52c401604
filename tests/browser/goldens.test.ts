// PyTorch's ops, gradients and optimiser traces, and Hugging Face's RoBERTa trajectories, here in a browser.
import "../goldens/goldens.test.ts";
import "../models/roberta-goldens.test.ts";
