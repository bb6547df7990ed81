// Times, rates and the like, for people.

import { formatSize } from "../core/size.ts";

/** "43 %"; of nothing it is all. */
export const percent = (done: number, total: number): string =>
  `${total === 0 ? 100 : Math.min(100, Math.floor((done / total) * 100))} %`;

export const formatRate = (bytesPerSecond: number): string => `${formatSize(bytesPerSecond)}/s`;

/** "0:07", "12:34", "3:07:00", "52 h", "12 d", in seven columns: for time that is left. */
export function formatClock(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  if (hours >= 100) return `${Math.floor(hours / 24)} d`;
  if (hours >= 10) return `${hours} h`;
  const two = (number: number): string => String(number).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** "420 ms", "4.2 s", "3 min", "3 h 12 min", "2 d 4 h": for time that has passed. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** The time of day today, else the date with it, in this device's time zone. */
export function formatTime(atMs: number, nowMs = Date.now()): string {
  const at = new Date(atMs);
  if (Number.isNaN(at.getTime())) return "some time";
  const two = (number: number): string => String(number).padStart(2, "0");
  const time = `${two(at.getHours())}:${two(at.getMinutes())}`;
  if (at.toDateString() === new Date(nowMs).toDateString()) return time;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
}

/** "1 message", "2 messages". */
export const formatCount = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

/** Enough of an id to recognise it by. */
export const shortId = (id: string): string => (id.length > 12 ? `${id.slice(0, 10)}…` : id);
