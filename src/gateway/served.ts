// What the two protocols of one port are given: what is served there, and whom to tell what happened. Made by the port's serving.

import type { Socket } from "node:net";

import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/log.ts";
import type { ServingEvent } from "./contract.ts";

/** One protocol of a port. A connection that was given to it is its until it closes; no other one sees a byte of it. */
export interface Speaker {
  /** `first`: what has been read of the connection; it may be empty, and the client may have ended behind it. The socket is paused. */
  take(socket: Socket, first: Buffer): void;
  /** Cuts what is open, and resolves when nothing of it is left. */
  close(): Promise<void>;
}

/** The speaker of text knows who its guests are. */
export interface TextSpeaker extends Speaker {
  /** Those who wrote a message and are still there. */
  guests(): readonly string[];
  /** Resolves once it is written, or kept to be. Rejects with `not-found` when there is no such guest now, `limit` when it takes nothing. */
  tell(guest: string, text: string): Promise<void>;
}

/** What both protocols know of a serving. */
export interface Served {
  /** Absolute. */
  readonly directory: string | undefined;
  /** Where what is uploaded goes; undefined: nothing may be. */
  readonly uploadInto: string | undefined;
  readonly list: ServedList | undefined;
  /** undefined: there is none to know. */
  readonly token: string | undefined;
  /**
   * Whether this device is reached under a host, as a URL has it: no port, IPv6 in brackets. `localAddress`: the connection's. A browser that
   * was led here under another name is turned away.
   */
  isOurHost(host: string, localAddress: string): boolean;
  tell(event: ServingEvent): void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The list, read and written where it is. Both reject with `refused` and the reason when it can't be served as text, or written. */
export interface ServedList {
  /** Its name, for people. */
  readonly key: string;
  read(): Promise<readonly string[]>;
  /** Durable when it resolves. */
  write(values: readonly string[]): Promise<void>;
}
