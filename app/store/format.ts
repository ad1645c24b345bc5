/** Numbers and names as the page writes them. */

/** Four significant digits; what is exactly 0 or 1 says so. */
export function statistic(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 10) return signed(String(value));
  const text = Math.abs(value) >= 1e4 ? value.toFixed(0) : value.toPrecision(4);
  return signed(text.includes("e") ? value.toFixed(6) : text);
}

export function fixed(value: number, digits: number): string {
  const text = value.toFixed(digits);
  return signed(Number(text) === 0 ? text.replace("-", "") : text);
}

/** All digits of a float32. */
export function exact(value: number): string {
  for (let digits = 6; digits < 10; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return signed(String(Number(text)));
  }
  return signed(String(value));
}

export function percent(share: number): string {
  return `${fixed(share * 100, 1)}\u00a0%`;
}

export function seconds(ms: number): string {
  const value = ms / 1000;
  return `${fixed(value, value < 1 ? 2 : 1)} s`;
}

export function bytesOf(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  return bytes < 2 ** 20 ? `${fixed(bytes / 1024, 1)} KiB` : mebibytes(bytes);
}

export function mebibytes(bytes: number): string {
  return `${fixed(bytes / 2 ** 20, 1)} MiB`;
}

/** One significant digit, rounded up: what a value is at most. */
export function atMost(value: number): string {
  if (value === 0) return "0";
  const unit = 10 ** Math.floor(Math.log10(value));
  const rounded = Math.ceil(value / unit) * unit;
  return fixed(rounded, Math.max(0, -Math.floor(Math.log10(rounded) + 1e-9)));
}

/** A value on an axis: as short as it is. */
export function tickLabel(value: number): string {
  return signed(String(Number(value.toPrecision(4))));
}

/** U+2212 in place of the hyphen. */
function signed(text: string): string {
  return text.replace("-", "\u2212");
}
