/** Gives the reader a file. */
import { make } from "./dom.ts";

export function saveFile(name: string, content: BlobPart, type = ""): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
