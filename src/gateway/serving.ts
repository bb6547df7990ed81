// One serving: its port, the two protocols on it, and who follows what happens.
//
//  down ⇒ 1. the directory is looked at, 2. the speakers are made, 3. the port listens ⇒ up ⇒ ended
//  down ⇐ it can't be: whoever opens it is told; one that is kept is tried again until it works

import { networkInterfaces, hostname } from "node:os";

import { createTurns } from "../core/async.ts";
import type { Clock } from "../core/clock.ts";
import { CoveyError, fromPlatform } from "../core/errors.ts";
import type { Address } from "../core/ids.ts";
import { LIMITS } from "../core/limits.ts";
import type { Logger } from "../core/log.ts";
import type { GuestMessages } from "../services/messages/contract.ts";
import { formatTcpAddress, parseTcpAddress } from "../transport/address.ts";
import type { Serving, ServingEvent } from "./contract.ts";
import { Followed } from "./followed.ts";
import { addressOf, isOurHost, urlsOf } from "./hosts.ts";
import type { ServingRecord } from "./kept.ts";
import { servedList, type ListNeeds } from "./list.ts";
import { HostPlaces, type Places } from "./places.ts";
import { openPort, type Port } from "./port.ts";
import type { Served, Speaker, TextSpeaker } from "./served.ts";
import { checkDirectory } from "./settings.ts";
import { createText } from "./text/text.ts";

export interface ServingNeeds extends ListNeeds {
  readonly guests: GuestMessages;
  readonly incoming: string;
  readonly places: Places;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Up {
  readonly port: Port;
  /** undefined: there is a greeting. */
  readonly http: Speaker | undefined;
  readonly text: TextSpeaker;
}

export class LiveServing {
  #record: ServingRecord;
  readonly #needs: ServingNeeds;
  readonly #served: Served;
  /** A start and an end never overlap. */
  readonly #inTurn = createTurns();
  #up: Up | undefined;
  #problem: string | undefined;
  #ended = false;
  #retry: NodeJS.Timeout | undefined;
  #followed: Followed | undefined;

  constructor(record: ServingRecord, needs: ServingNeeds) {
    const { settings, token } = record;
    this.#record = record;
    this.#needs = needs;
    this.#served = {
      directory: settings.directory,
      uploadInto: settings.upload ? needs.incoming : undefined,
      list: settings.list === undefined ? undefined : servedList(settings.list, needs),
      token,
      isOurHost: (host, localAddress) => isOurHost(host, localAddress, hostname()),
      tell: (event) => this.#followed?.tell(event),
      clock: needs.clock,
      log: needs.log,
    };
  }

  get record(): ServingRecord {
    return this.#record;
  }

  view(): Serving {
    const { id, number, settings, token, sinceMs } = this.#record;
    const bound = this.#up?.port.bound;
    return {
      ...{ id, number, settings, token, sinceMs },
      address: bound === undefined ? undefined : addressOf(bound),
      urls: bound === undefined ? [] : urlsOf(bound, pageOf(this.#record), networkInterfaces()),
      connections: this.#up?.port.connections() ?? 0,
      guests: this.#up?.text.guests() ?? [],
      problem: this.#problem,
    };
  }

  /** Rejects when it can't be served. */
  start(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#ended || this.#up !== undefined) return;
      const { settings, at } = this.#record;
      if (settings.directory !== undefined) await checkDirectory(settings.directory);
      this.#up = await this.#listen(at === undefined ? wanted(settings) : [at]);
      this.#record = { ...this.#record, at: addressOf(this.#up.port.bound) };
    });
  }

  /** Never rejects: what can't be served is told in the view, and tried again until it can or has ended. */
  async keepTrying(): Promise<void> {
    const before = this.#problem;
    try {
      await this.start();
      this.#problem = undefined;
    } catch (error) {
      const { message, hint } = fromPlatform(error, "serve this");
      this.#problem = hint === undefined ? message : `${message}. ${hint}`;
    }
    if (this.#problem !== before)
      this.#needs.log.info({ serving: this.#record.number, problem: this.#problem }, "a kept serving came up, or could not");
    if (this.#problem === undefined || this.#ended) return;
    this.#retry = setTimeout(() => void this.keepTrying(), LIMITS.gatewayRetryMs).unref();
  }

  async #listen(addresses: readonly Address[]): Promise<Up> {
    const { greeting, close, reply, perAddress } = this.#record.settings;
    const { guests, places, log } = this.#needs;
    const http = greeting === undefined ? await httpSpeaker(this.#served) : undefined;
    const text = createText(this.#served, { greeting, close, reply, guests });
    const needs = { http, text, places: new HostPlaces(places, perAddress), log };
    try {
      return { http, text, port: await firstFree(addresses, (address) => openPort(parseTcpAddress(address), needs)) };
    } catch (error) {
      await Promise.all([http?.close(), text.close()]);
      throw error;
    }
  }

  /** The serving, and what happens on it from now on, for one reader; ends with it. Throws the signal's reason when that aborts. */
  follow(signal: AbortSignal): AsyncIterable<ServingEvent> {
    const followed = new Followed(this.view());
    this.#followed = followed;
    signal.addEventListener("abort", () => (this.#followed = undefined), { once: true });
    return followed.read(signal);
  }

  guests(): readonly string[] {
    return this.#up?.text.guests() ?? [];
  }

  /** Rejects with `not-found` when that guest is not here, `limit`. */
  async tell(guest: string, text: string): Promise<void> {
    await this.#up!.text.tell(guest, text);
  }

  /** Cuts its connections. Again and again is fine. */
  end(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#retry);
    return this.#inTurn(async () => {
      const up = this.#up;
      this.#up = undefined;
      try {
        if (up !== undefined) await Promise.all([up.port.close(), up.http?.close(), up.text.close()]);
      } finally {
        this.#followed?.end();
      }
    });
  }
}

/** Loaded for the first of them: a peer that serves nothing starts sooner without it. */
async function httpSpeaker(served: Served): Promise<Speaker> {
  const { createHttp } = await import("./http/http.ts");
  return createHttp(served);
}

/** The path for browsers, where there is something that they could show. */
function pageOf({ settings: { directory, list, greeting }, token }: ServingRecord): string | undefined {
  if (greeting !== undefined || (directory === undefined && list === undefined)) return undefined;
  return token === undefined ? "/" : `/${token}/`;
}

/** Where it may listen, best first. */
function wanted({ listen, lan }: ServingRecord["settings"]): readonly Address[] {
  if (listen !== undefined) return [listen];
  const host = lan ? "*" : "127.0.0.1";
  return [LIMITS.gatewayPort, 0].map((port) => formatTcpAddress({ host, port }));
}

async function firstFree<T>(addresses: readonly Address[], open: (address: Address) => Promise<T>): Promise<T> {
  for (const [tried, address] of addresses.entries()) {
    try {
      return await open(address);
    } catch (error) {
      const taken = error instanceof CoveyError && error.code === "conflict";
      if (!taken || tried === addresses.length - 1) throw error;
    }
  }
  throw new CoveyError("internal", "there was nowhere to listen");
}
