// The file of the log: appended to line by line, set aside when it is large, and never the reason why something else fails.

import { closeSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";

export interface LogFile {
  /** The line is written when this returns; one that can't be, because the disk is full, is lost. */
  write(line: string): void;
}

/** Beyond `mostBytes`, what is there becomes `<path>.1`, in the place of the one before. Throws as the file system does. */
export function openLogFile(path: string, mostBytes: number): LogFile {
  const open = (): number => openSync(path, "a", 0o600);
  let file = open();
  let bytes = fstatSync(file).size;

  function setAside(): void {
    bytes = 0;
    renameSync(path, `${path}.1`);
    const next = open();
    closeSync(file);
    file = next;
  }

  return {
    write(line) {
      try {
        if (bytes > mostBytes) setAside();
      } catch {
        // It goes on where it is, and is set aside when it has grown by as much again.
      }
      try {
        bytes += writeSync(file, line);
      } catch {
        // Whoever logs is amid something else, which must not fail for it.
      }
    },
  };
}
