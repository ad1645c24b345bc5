/** What a request may ask for. Sizes are refused with 413, counts with 400; docs/http.md has the list. */

const mebibyte = 1024 ** 2;

/** A body of tensors: Cloudflare hands a Durable Object no more in one message. */
export const maxBodyBytes = 32 * mebibyte;

/** A graph, and every other body in JSON, which takes several times its length in memory. */
export const maxGraphBytes = 8 * mebibyte;
export const maxJsonBytes = 8 * mebibyte;

/** One fed tensor, and all of a request: as JSON they may be larger in memory than in the body. */
export const maxTensorBytes = 16 * mebibyte;
export const maxFeedBytes = 24 * mebibyte;

/** The tensors of an answer. */
export const maxResultBytes = 32 * mebibyte;
export const maxJsonResultBytes = 8 * mebibyte;

export const maxRepeat = 1_000_000;

/** Steps of a fit in one request: what came of each is answered, and stored at its end. */
export const maxFitSteps = 1000;

/** Names in `fetches`, in `collect` and in `feeds`. */
export const maxNames = 1000;
export const maxNameLength = 1000;

/** Brackets within brackets in a JSON body. */
export const maxJsonDepth = 128;
