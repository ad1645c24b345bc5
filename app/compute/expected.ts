/** What Node computed for the default run: a test recomputes it. The page compares its own bits with these: see fingerprint.ts. */
export const nodeBits = { steps: 100, bits: "8766 8026 b07e bf5e" } as const;
