import { expect, test } from "vitest";
import { formatBytes, formatCount, formatDuration, formatMilliseconds, formatPercent } from "./format.ts";
import { formatTextTable } from "./format-text-table.ts";

test.each([
  [0, "0.0 s"],
  [9.94, "9.9 s"],
  [9.96, "10 s"],
  [59.7, "1 min 00 s"],
  [125, "2 min 05 s"],
  [3599.4, "59 min 59 s"],
  [3725, "1 h 02 min"],
])("%f seconds are %s", (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

test.each([
  [999, "999 B"],
  [1000, "1.0 kB"],
  [999_499, "999 kB"],
  [999_600, "1.0 MB"],
  [3_776_000, "3.8 MB"],
  [250e9, "250 GB"],
])("%i bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test("counts, shares and milliseconds", () => {
  expect(formatCount(1234567)).toBe("1,234,567");
  expect(formatPercent(0.71433, 2)).toBe("71.43 %");
  expect(formatMilliseconds(0.00081)).toBe("0.81 ms");
  expect(formatMilliseconds(0.0314)).toBe("31.4 ms");
});

test("a text table aligns numbers to the right and has no trailing spaces", () => {
  const rows = [
    { name: "naive Bayes", n: 68.2 },
    { name: "ours", n: 7 },
  ];
  const lines = formatTextTable(
    [
      { title: "n", value: (row: (typeof rows)[number]) => String(row.n), numeric: true },
      { title: "name", value: (row) => row.name },
    ],
    rows,
  );
  expect(lines).toEqual(["   n  name", "68.2  naive Bayes", "   7  ours"]);
});
