/** FNV-1a over the UTF-16 units of a text, twice with different starts: 16 hexadecimal digits that tell texts apart, and no more than that. */
export const fingerprint = (text: string): string =>
  [2166136261, 0x9747b28c]
    .map((start) => {
      let hash = start;
      for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 16777619) >>> 0;
      return hash.toString(16).padStart(8, "0");
    })
    .join("");
