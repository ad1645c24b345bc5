/** One hash over the bits of named tensors, the same in every runtime. */

interface Value {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: ArrayBufferView;
}

/** SHA-256 over names, dtypes, shapes and data, in the order of the names. All NaNs count as one: WebAssembly leaves their
 * sign and payload to the machine. */
export async function bitsHash(tensors: Iterable<readonly [name: string, tensor: Value]>): Promise<string> {
  const encoder = new TextEncoder();
  const parts = [...tensors]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, { dtype, shape, data }]) => [
      encoder.encode(`${name}\0${dtype}\0${shape.join()}\0`),
      withOneNaN(data),
    ]);
  const bytes = new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The bytes, with every float32 NaN as the canonical one. */
function withOneNaN(data: ArrayBufferView): Uint8Array {
  const bytes = Uint8Array.from(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  if (data instanceof Float32Array) {
    const words = new Uint32Array(bytes.buffer);
    data.forEach((value, i) => {
      if (Number.isNaN(value)) words[i] = 0x7fc00000;
    });
  }
  return bytes;
}
