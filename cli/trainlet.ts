#!/usr/bin/env node
// The executable: the command line on this process's arguments and streams.
import { main } from "./main.ts";

// A reader that has seen enough, such as `head`, is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

process.exitCode = await main(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  // Where nobody looks, a bar would be a heap of lines.
  tty: process.stdout.isTTY && process.stderr.isTTY && process.env.TERM !== "dumb" && !("CI" in process.env),
});
