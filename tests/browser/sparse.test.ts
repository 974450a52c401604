// The block-sparse products against the reference, and blocks that move, here in a browser.
import "../sparse/conformance.test.ts";
import "../sparse/regrow.test.ts";
