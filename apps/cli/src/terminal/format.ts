/** `1234567` as `1,234,567`. */
export const formatCount = (value: number): string => Math.round(value).toLocaleString("en-US");

/** A share in 0 … 1 as `71.4 %`. */
export const formatPercent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)} %`;

/** Seconds as `4.2 s`, `58 s`, `2 min 05 s` or `1 h 02 min`. */
export const formatDuration = (seconds: number): string => {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const pad = (value: number): string => String(value).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
};

/** Milliseconds as `0.82 ms` or `13.4 ms`. */
export const formatMilliseconds = (seconds: number): string => {
  const value = 1000 * seconds;
  return `${value.toFixed(value < 10 ? 2 : 1)} ms`;
};

/** Bytes as `812 B`, `3.1 kB` or `4.2 MB`, in powers of 1000. */
export const formatBytes = (bytes: number): string => {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB"];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value.toFixed(value < 99.5 ? 1 : 0)} ${units[unit]}`;
};
