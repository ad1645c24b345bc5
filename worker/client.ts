/** trainlet/client where no host is known: services at URLs, and workers that the caller started. */
import { connectOn, type Connect } from "./client/connect.ts";

/** Connects to sessions in a worker, or at a URL. See `Where`. */
export const connect: Connect = connectOn({});

export * from "./client/types.ts";
