// The command line's entry. It ends by itself: whatever kept it running would be something left behind.

import { run } from "./run.ts";

process.exitCode = await run(process.argv.slice(2));

// Somebody who gave up does not wait for whoever reads too slowly.
if (process.exitCode >= 128 && process.stdout.writableLength > 0) process.exit();
