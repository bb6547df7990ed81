// How long the tests of this folder go on: some seconds among all tests, minutes by `npm run soak`.

const minutes = Number(process.env["COVEY_SOAK_MINUTES"] ?? 0);

/** In ms. */
export const soakMs = (usualMs: number): number => (minutes > 0 ? minutes * 60_000 : usualMs);
