// What is written to may grow on its way; what somebody agreed to must not become the whole disk.

import { LIMITS } from "../../../core/limits.ts";

export const mostBytes = (agreedBytes: number): number => Math.max(2 * agreedBytes, agreedBytes + LIMITS.fileGrowthBytes);

export const mostFiles = (agreedFiles: number): number => 2 * agreedFiles + LIMITS.treeGrowthFiles;

/** Directories and links. */
export const mostOthers = (agreedFiles: number): number => 8 * agreedFiles + LIMITS.treeGrowthOthers;

/** Of an offer that is taken for its bytes alone: the smallest file takes a block of the disk. */
export const mostFilesIn = (bytes: number): number => Math.floor(bytes / 4096) + LIMITS.treeGrowthFiles;

export const mostNameBytes = (agreedFiles: number): number => LIMITS.treeNamesBytes + 8192 * agreedFiles;
