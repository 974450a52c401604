import { TesseraError } from "@tessera/tensor";

/** What `exportOnnx` throws on purpose: an op that ONNX has no form for, a size that does not follow from the inputs'. */
export class OnnxError extends TesseraError {
  override name = "OnnxError";
}
