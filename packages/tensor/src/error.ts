/**
 * Every error that Tessera throws on purpose. The message reads
 * `op: what was expected, what came; what to do`.
 */
export class TesseraError extends Error {
  override name = "TesseraError";
}

/** Shapes, dims or sizes that an op cannot take. */
export class ShapeError extends TesseraError {
  override name = "ShapeError";
}

/** An element type that an op cannot take; nothing is promoted silently. */
export class DTypeError extends TesseraError {
  override name = "DTypeError";
}

/** Tensors on different devices, a device that is not open, or one that cannot do what was asked. */
export class DeviceError extends TesseraError {
  override name = "DeviceError";
}

/** An index outside its tensor, found in data. */
export class IndexError extends TesseraError {
  override name = "IndexError";
}

/** A tensor that was used after it was freed, or changed while a tape still needs it. */
export class LifetimeError extends TesseraError {
  override name = "LifetimeError";
}

/** The device has no room; the tensors that existed still exist. */
export class OutOfMemoryError extends TesseraError {
  override name = "OutOfMemoryError";
}

/** A value outside its domain: a probability of 2, a negative size. */
export class ArgumentError extends TesseraError {
  override name = "ArgumentError";
}

/** Whole numbers whose result int32 cannot hold, found in data. */
export class OverflowError extends TesseraError {
  override name = "OverflowError";
}

/** A file or buffer that is not what its format says. */
export class FormatError extends TesseraError {
  override name = "FormatError";
}
