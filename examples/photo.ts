// The photograph of the tutorial, as cv2.imread gives it: blue, green, red, 0..255. (Eileen Collins, NASA; public domain.)
import { readFile } from "node:fs/promises";
import { decode } from "fast-png";

/** Pixels of examples/photo.png, [1,100,100,3]. */
export async function readPhoto(): Promise<Float32Array> {
  const { data, width, height, channels } = decode(await readFile(new URL("photo.png", import.meta.url)));
  const pixels = new Float32Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) pixels[3 * i + c] = data[channels * i + 2 - c];
  }
  return pixels;
}
