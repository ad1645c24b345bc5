// A local Worker as a process that can be killed: `node serve.ts <folder>` prints its URL and serves until it is.
import { startServer } from "../../scripts/server.ts";

const { url } = await startServer(0, { folder: process.argv[2] });
console.log(url);
