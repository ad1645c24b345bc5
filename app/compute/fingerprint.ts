/** A hash that two hosts can compare: the first 64 bits of SHA-256 over the bytes of float32 arrays. */
export async function fingerprint(arrays: readonly Float32Array[]): Promise<string | null> {
  // Only secure contexts have it.
  const subtle = (globalThis.crypto as Crypto | undefined)?.subtle;
  if (!subtle) return null;
  const bytes = new Uint8Array(arrays.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const { buffer, byteOffset, byteLength } of arrays) {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  const digest = new Uint8Array(await subtle.digest("SHA-256", bytes)).subarray(0, 8);
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/.{4}(?=.)/g, "$& ");
}
