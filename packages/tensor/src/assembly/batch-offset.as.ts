/** Offset of batch entry `index`: `list` says which of the stride lists that follow the sizes. */
export function batchOffset(words: usize, index: i32, list: i32): usize {
  const rank = load<i32>(words);
  let offset: usize = 0;
  for (let d = rank - 1; d >= 0; d--) {
    const at = words + (<usize>(d + 1) << 2);
    const size = load<i32>(at);
    offset += <usize>(index % size) * <usize>load<i32>(at + (<usize>(list * rank) << 2));
    index /= size;
  }
  return offset;
}
