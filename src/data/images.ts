/** Pictures as a column of uint8, decoded by the platform where it can (browsers), else by fast-png, loaded on first use. */
import { InvalidArgumentError } from "../graph/errors.ts";
import { column, type Column } from "./column.ts";
import { bytesOf, type ByteSource } from "./source.ts";

export interface ImagesOptions {
  /** 1: grey, 3: red, green, blue, 4: with opacity. Default: 3. */
  channels?: 1 | 3 | 4;
}

/** A decoded picture: red, green, blue, opacity, each 0 to 255. */
interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8Array | Uint8ClampedArray;
}

/** What browsers have, in workers too. */
interface Platform {
  readonly createImageBitmap?: (
    blob: Blob,
    options: { colorSpaceConversion: "none"; premultiplyAlpha: "none" },
  ) => Promise<Bitmap>;
  readonly OffscreenCanvas?: new (
    width: number,
    height: number,
  ) => { getContext(type: "2d", options: object): Context };
}

interface Bitmap {
  readonly width: number;
  readonly height: number;
  close(): void;
}

interface Context {
  drawImage(image: Bitmap, x: number, y: number): void;
  getImageData(x: number, y: number, width: number, height: number): { readonly data: Uint8ClampedArray };
}

/** Pictures of one size, a row of [height, width, channels] each. Browsers read PNG, JPEG and what else they know; other hosts PNG.
 * Colours are as stored, whatever profile the file carries. */
export async function images(sources: Iterable<ByteSource>, { channels = 3 }: ImagesOptions = {}): Promise<Column> {
  const rows: Uint8Array[] = [];
  let size: Pixels | null = null;
  for (const source of sources) {
    const picture = await decode(await bytesOf(source), rows.length);
    size ??= picture;
    if (picture.width !== size.width || picture.height !== size.height)
      throw new InvalidArgumentError(
        `Picture ${rows.length} has ${picture.width} × ${picture.height} pixels, picture 0 has ${size.width} × ${size.height}; all must have one size.`,
      );
    rows.push(take(picture, channels));
  }
  if (!size) throw new InvalidArgumentError("There are no pictures.");
  const data = new Uint8Array(rows.length * rows[0].length);
  for (const [i, row] of rows.entries()) data.set(row, i * row.length);
  return column({ data, shape: [rows.length, size.height, size.width, channels] });
}

async function decode(bytes: Uint8Array, index: number): Promise<Pixels> {
  try {
    const { createImageBitmap, OffscreenCanvas } = globalThis as Platform;
    return createImageBitmap && OffscreenCanvas
      ? await decodeHere(bytes, createImageBitmap, OffscreenCanvas)
      : await decodePng(bytes);
  } catch (error) {
    throw new InvalidArgumentError(
      `Picture ${index} cannot be decoded: ${(error as Error).message.replace(/\.$/, "")}.`,
      { cause: error },
    );
  }
}

async function decodeHere(
  bytes: Uint8Array,
  createImageBitmap: NonNullable<Platform["createImageBitmap"]>,
  OffscreenCanvas: NonNullable<Platform["OffscreenCanvas"]>,
): Promise<Pixels> {
  const blob = new Blob([bytes as Uint8Array<ArrayBuffer>]);
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { width, height, rgba: context.getImageData(0, 0, width, height).data };
}

async function decodePng(bytes: Uint8Array): Promise<Pixels> {
  const png = await import("fast-png");
  if (!png.hasPngSignature(bytes)) throw new Error("it is no PNG, and this host decodes no other format");
  const picture = png.decode(bytes, { checkCrc: true });
  const { width, height, depth } = picture;
  // Palettes are resolved, samples brought to 8 bits.
  const indexed = picture.palette !== undefined;
  const channels = indexed ? picture.palette![0].length : picture.channels;
  const samples = indexed ? png.convertIndexedToRgb(picture) : depth < 8 ? unpacked(picture) : picture.data;
  const shift = !indexed && depth === 16 ? 8 : 0;
  const rgba = new Uint8Array(width * height * 4);
  const colours = channels >= 3 ? 3 : 1;
  for (let i = 0; i < width * height; i++) {
    for (let k = 0; k < 3; k++) rgba[4 * i + k] = samples[channels * i + (colours === 3 ? k : 0)] >> shift;
    rgba[4 * i + 3] = channels > colours ? samples[channels * i + colours] >> shift : 255;
  }
  return { width, height, rgba };
}

/** Grey samples of 1, 2 or 4 bits, lines starting at a byte, as 0 to 255. */
function unpacked({
  width,
  height,
  depth,
  data,
}: {
  width: number;
  height: number;
  depth: number;
  data: ArrayLike<number>;
}): Uint8Array {
  const grey = new Uint8Array(width * height);
  const lineBytes = Math.ceil((width * depth) / 8);
  const largest = 2 ** depth - 1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      const byte = data[y * lineBytes + (bit >> 3)];
      grey[y * width + x] = (((byte >> (8 - depth - (bit & 7))) & largest) * 255) / largest;
    }
  }
  return grey;
}

/** Grey by the weights of ITU-R BT.601, in whole numbers: a grey picture keeps its values. */
function take({ rgba, width, height }: Pixels, channels: number): Uint8Array {
  const out = new Uint8Array(width * height * channels);
  for (let i = 0; i < width * height; i++) {
    const [red, green, blue] = [rgba[4 * i], rgba[4 * i + 1], rgba[4 * i + 2]];
    if (channels === 1) out[i] = Math.floor((299 * red + 587 * green + 114 * blue + 500) / 1000);
    else for (let k = 0; k < channels; k++) out[channels * i + k] = rgba[4 * i + k];
  }
  return out;
}
