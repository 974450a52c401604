/**
 * y = x where x > 0, else k x, on `n` floats in a row. A task computes `perTask` of them.
 */
export function leaky_relu_f32(task: i32, x: usize, y: usize, n: i32, perTask: i32, k: f32): void {
  const start = task * perTask, end = min(start + perTask, n);
  for (let i = start; i < end; i++) {
    const value = load<f32>(x + (<usize>i << 2));
    store<f32>(y + (<usize>i << 2), value > 0 ? value : k * value);
  }
}
