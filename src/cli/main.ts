// The command line's entry. It ends by itself: whatever kept it running would be something left behind.

import { run } from "./run.ts";

process.exitCode = await run(process.argv.slice(2));
