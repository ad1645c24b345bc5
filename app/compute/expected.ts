/** What Node computed for the default run: a test recomputes it. The page compares its own bits with these: see fingerprint.ts. */
export const nodeBits = { steps: 100, bits: "23c7 2ea5 2689 4d94" } as const;
