/**
 * The photograph's bytes, read from the PNG file itself (8-bit RGB, not interlaced; PNG specification, sections 7 and 9):
 * a canvas may convert colours, and some browsers add noise to what is read from one.
 */
export async function decodePng(file: Uint8Array): Promise<{ width: number; height: number; rgb: Uint8Array }> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (view.getUint32(0) !== 0x89504e47) throw new Error("The photograph is not a PNG file.");
  let width = 0;
  let height = 0;
  const packed: Uint8Array[] = [];
  for (let at = 8; at < file.length;) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...file.subarray(at + 4, at + 8));
    const body = file.subarray(at + 8, at + 8 + length);
    if (type === "IHDR") {
      width = view.getUint32(at + 8);
      height = view.getUint32(at + 12);
      if (body[8] !== 8 || body[9] !== 2 || body[12] !== 0) throw new Error("The photograph is not 8-bit RGB.");
    } else if (type === "IDAT") packed.push(body);
    at += 12 + length;
  }
  const inflated = new Blob(packed as BlobPart[]).stream().pipeThrough(new DecompressionStream("deflate"));
  const rows = new Uint8Array(await new Response(inflated).arrayBuffer());
  return { width, height, rgb: unfilter(rows, width * 3, height) };
}

/** Undoes the prediction of each row from its neighbours, three bytes to the left and one row above. */
function unfilter(rows: Uint8Array, stride: number, height: number): Uint8Array {
  const out = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x;
      const left = x < 3 ? 0 : out[at - 3];
      const up = y === 0 ? 0 : out[at - stride];
      const corner = x < 3 || y === 0 ? 0 : out[at - stride - 3];
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
      out[at] = rows[y * (stride + 1) + 1 + x] + guess;
    }
  }
  return out;
}

function paeth(left: number, up: number, corner: number): number {
  const sum = left + up - corner;
  const [toLeft, toUp, toCorner] = [Math.abs(sum - left), Math.abs(sum - up), Math.abs(sum - corner)];
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}

/** Blue first, as the program of the tutorial reads its photograph. */
export function bgrFromRgb(rgb: Uint8Array): Uint8Array {
  const bgr = new Uint8Array(rgb.length);
  for (let i = 0; i < rgb.length; i += 3) {
    bgr[i] = rgb[i + 2];
    bgr[i + 1] = rgb[i + 1];
    bgr[i + 2] = rgb[i];
  }
  return bgr;
}
