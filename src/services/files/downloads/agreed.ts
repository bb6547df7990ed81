// What is written to may grow on its way; what somebody agreed to must not become the whole disk.

import { LIMITS } from "../../../core/limits.ts";

export const mostBytes = (agreedBytes: number): number => Math.max(2 * agreedBytes, agreedBytes + LIMITS.fileGrowthBytes);

export const mostFiles = (agreedFiles: number): number => 2 * agreedFiles + LIMITS.treeGrowthFiles;

export const mostNameBytes = (agreedFiles: number): number => LIMITS.treeNamesBytes + 8192 * agreedFiles;
