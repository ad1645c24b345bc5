/** A Node program: prints the answers of all its hosts, or of the service whose URL it is given. */
import { readFile } from "node:fs/promises";
import { exportMetaGraph, importMetaGraph } from "trainlet/formats";
import { remoteTutorial } from "./remote.ts";
import { tutorial } from "./tutorial.ts";

const bytes = await readFile(new URL("./public/photo.bin", import.meta.url));
const image = new Float32Array(new Uint8Array(bytes).buffer);
const url = process.argv[2];
if (url === undefined) {
  const program = await tutorial(image);
  const inProcess = await remoteTutorial("in-process", image);
  const worker = await remoteTutorial("worker", image);
  const graph = await importMetaGraph(await exportMetaGraph());
  console.log(JSON.stringify({ program, inProcess, worker, operations: graph.operations.length }));
} else {
  console.log(JSON.stringify({ service: await remoteTutorial(url, image) }));
}
