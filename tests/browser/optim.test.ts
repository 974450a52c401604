// Optimisers and the clipping of gradients, here in a browser.
import "../optim/clip-grad-norm.test.ts";
import "../optim/optimizer.test.ts";
import "../optim/replace.test.ts";
