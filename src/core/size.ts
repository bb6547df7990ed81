// Sizes, as people are told them everywhere: in a terminal, on a page, in an answer.

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** Three digits at least matter, no more: "0 B", "999 B", "1.00 KiB", "61.2 MiB", "256 MiB". */
export function formatSize(bytes: number): string {
  let unit = 0;
  let amount = bytes;
  while (amount >= 999.5 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit++;
  }
  const digits = unit === 0 ? 0 : amount < 9.995 ? 2 : amount < 99.95 ? 1 : 0;
  return `${amount.toFixed(digits)} ${UNITS[unit]}`;
}
