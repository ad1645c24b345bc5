/** `trainlet convert`: graphs between .meta and JSON, TensorFlow's checkpoints to safetensors. */
import { extname } from "node:path";
import type { Command } from "commander";
import * as tf from "../../src/entry/node.ts";
import {
  checkComplete,
  decodeMetaGraphDef,
  encodeMetaGraphDef,
  metaGraphDefFromJson,
  metaGraphDefToJson,
} from "../../src/formats/metaGraphDef.ts";
import { isJson, named, readBytes, readCheckpoint, writeBytes } from "../files.ts";
import { UsageError, type Output } from "../io.ts";

export function convertCommand(program: Command, output: Output): void {
  program
    .command("convert")
    .summary("convert graphs (.meta, .json) and TensorFlow's checkpoints (to .safetensors)")
    .description(
      "Converts by the names of the files:\n" +
        "  graph.meta graph.json           a graph to proto3 JSON\n" +
        "  graph.json graph.meta           and back\n" +
        "  model.ckpt-100 out.safetensors  TensorFlow's checkpoint, by prefix or .index",
    )
    .argument("<input>", "what to read")
    .argument("<output>", "what to write")
    .option("--partial", "take a graph whose collections do not fit it as it is")
    .action(async (input: string, to: string, { partial }: { partial?: boolean }) => {
      const kind = extname(to).toLowerCase();
      let content: Uint8Array | string;
      if (kind === ".safetensors") content = await checkpoint(input);
      else if (kind === ".meta" || kind === ".json") content = await graph(input, kind, partial);
      else throw new UsageError(`'${to}' ends in '${kind}': write to .meta, .json or .safetensors.`);
      await writeBytes(to, content);
      const bytes = typeof content === "string" ? Buffer.byteLength(content) : content.length;
      output.err(`${to}: ${bytes} bytes\n`);
    });
}

async function checkpoint(input: string): Promise<Uint8Array> {
  const stored = await readCheckpoint(input);
  if (stored instanceof Uint8Array) {
    throw new UsageError(
      `'${input}' is no checkpoint of TensorFlow's: give its prefix, such as model.ckpt-100, or its .index.`,
    );
  }
  return named(input, () => tf.convertTensorFlowCheckpoint(stored));
}

async function graph(input: string, kind: ".meta" | ".json", partial?: boolean): Promise<Uint8Array | string> {
  const bytes = await readBytes(input);
  return named(input, () => {
    const message = isJson(input)
      ? metaGraphDefFromJson(new TextDecoder().decode(bytes))
      : decodeMetaGraphDef(bytes, { partial });
    if (isJson(input) && !partial) checkComplete(message);
    return kind === ".meta" ? encodeMetaGraphDef(message) : `${JSON.stringify(metaGraphDefToJson(message), null, 1)}\n`;
  });
}
