/** Waits before each new try of an edge that does not answer. */
export const retryDelaysMs = [1000, 2000, 4000, 8000] as const;
