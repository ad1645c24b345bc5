/** The digits: four gzipped IDX files beside the page, fetched with progress and kept for the worker's life. */
import { data } from "../../../src/index.ts";

export interface Part {
  readonly rows: number;
  readonly pixels: Uint8Array;
  readonly labels: Uint8Array;
}

export interface Digits {
  readonly train: Part;
  readonly test: Part;
}

const files = ["train-images", "train-labels", "test-images", "test-labels"] as const;

type File = (typeof files)[number];

/** Sizes on the way, about: what a server tells of a compressed file need not be what arrives. */
export const totalBytes = 11_600_000;

export const pictureSize = 28;

/** Fetches what is not there yet: after a failure only the rest. */
export class DigitStore {
  readonly #files = new Map<File, Uint8Array>();
  #loaded = 0;
  #digits: Promise<Digits> | null = null;

  load(onProgress: (loaded: number) => void): Promise<Digits> {
    this.#digits ??= this.#load(onProgress).catch((error: unknown) => {
      this.#digits = null;
      throw error;
    });
    return this.#digits;
  }

  async #load(onProgress: (loaded: number) => void): Promise<Digits> {
    for (const file of files) {
      if (this.#files.has(file)) continue;
      const before = this.#loaded;
      try {
        this.#files.set(file, await fetchFile(file, (bytes) => onProgress((this.#loaded += bytes))));
      } catch (error) {
        this.#loaded = before;
        throw new DigitsError(before, { cause: error });
      }
    }
    const [train, test] = await Promise.all([this.#part("train"), this.#part("test")]);
    this.#files.clear();
    return { train, test };
  }

  async #part(name: "train" | "test"): Promise<Part> {
    const [images, labels] = await Promise.all(
      (["images", "labels"] as const).map((what) =>
        data.idx(new Blob([this.#files.get(`${name}-${what}`) as Uint8Array<ArrayBuffer>])),
      ),
    );
    const rows = Int32Array.from({ length: images.rows }, (_, i) => i);
    const pixels = new Uint8Array(images.rows * pictureSize ** 2);
    images.gather(rows, 0, images.rows, pixels, 0);
    const classes = new Uint8Array(labels.rows);
    labels.gather(rows, 0, labels.rows, classes, 0);
    return { rows: images.rows, pixels, labels: classes };
  }
}

export class DigitsError extends Error {
  constructor(loaded: number, options: ErrorOptions) {
    const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);
    super(`The digits did not arrive (${megabytes(loaded)} of ${megabytes(totalBytes)} MB).`, options);
    this.name = "DigitsError";
  }
}

async function fetchFile(file: File, onBytes: (bytes: number) => void): Promise<Uint8Array> {
  const response = await fetch(`/digits/${file}.idx.gz`);
  if (!response.ok || !response.body) throw new Error(`/digits/${file}.idx.gz answered ${response.status}.`);
  const counted = response.body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        onBytes(chunk.length);
        controller.enqueue(chunk);
      },
    }),
  );
  return new Uint8Array(await new Response(counted).arrayBuffer());
}
