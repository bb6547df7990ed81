// covey as a client of programs that do not speak it: over plain TCP and HTTP, without an identity, so without a daemon.

/** JSON-plain. A file that was fetched by HTTP. */
export interface Downloaded {
  /** Where it is. */
  readonly path: string;
  readonly size: number;
  /** Of those, bytes that an earlier run had brought. */
  readonly resumedBytes: number;
  /**
   * How it is known that it is whole: by its hash (the other side is a covey's gateway), by the length that the server said, or not at
   * all: the server just closed.
   */
  readonly wholeBy: "hash" | "length" | "close";
  /** BLAKE3 in hex, as `b3sum` prints it. */
  readonly blake3: string;
}

/** JSON-plain. */
export interface DownloadProgress {
  readonly doneBytes: number;
  /** undefined: the server did not say. */
  readonly size: number | undefined;
}

export interface DownloadOptions {
  /** The target directory, absolute. */
  readonly into: string;
  /** Its name there. Default: what the server says, or the last part of the URL, made safe. */
  readonly as?: string;
  /** What to do where the name is taken. Default: "rename". */
  readonly conflict?: "rename" | "skip" | "overwrite";
  readonly onProgress?: (progress: DownloadProgress) => void;
  readonly signal?: AbortSignal;
}

/** JSON-plain. What a plain program said. */
export interface PlainAnswer {
  readonly text: string;
  /** It closed the connection behind it. */
  readonly closed: boolean;
}

/** A raw conversation. Either direction ends by itself. */
export interface PlainStream extends AsyncDisposable {
  /** The other end's IP address and port. */
  readonly remote: string;
  /** What it sends, at the reader's pace, until it has ended; throws `connection-lost` when it is cut. For one reader. */
  read(): AsyncIterable<Uint8Array>;
  /** Resolves when there is room for more. */
  write(bytes: Uint8Array): Promise<void>;
  /** No more will be written: the other end reads an end. */
  end(): Promise<void>;
}

/** A port where plain programs connect. */
export interface PlainListener extends AsyncDisposable {
  /** Where, as "tcp://HOST:PORT". */
  readonly address: string;
  /** The first one that connects; the port is closed then. */
  accept(options?: { readonly signal?: AbortSignal }): Promise<PlainStream>;
}

/** All of it: URLs are "tcp://HOST:PORT" or "http://HOST[:PORT]/PATH". */
export interface Plain {
  /**
   * Fetches a file, resumed where the server can. A part is kept in the directory when it is cut. Rejects with `unreachable`, `not-found`,
   * `refused` (what the server answered), `protocol`, `connection-lost`, `integrity`, `conflict`, `no-space`, `timeout`, `bad-argument`.
   */
  download(url: string, options: DownloadOptions): Promise<Downloaded>;
  /** The bytes of a file as they come; throws when it is not whole, as far as the server said. */
  read(url: string, options?: { readonly signal?: AbortSignal }): AsyncIterable<Uint8Array>;
  /** Sends one message, and resolves to what comes back: until a pause or the end. Rejects with `limit` (over LIMITS.plainMessageBytes). */
  message(url: string, text: string, options?: { readonly signal?: AbortSignal }): Promise<PlainAnswer>;
  /** Asks with `get_data`. */
  getList(url: string, options?: { readonly signal?: AbortSignal }): Promise<readonly string[]>;
  /** Sends `update_data,…`; resolves once it was acknowledged. Rejects with `refused` and the answer, `bad-argument`, `limit`. */
  setList(url: string, values: readonly string[], options?: { readonly signal?: AbortSignal }): Promise<void>;
  connect(url: string, options?: { readonly signal?: AbortSignal }): Promise<PlainStream>;
  listen(url: string): Promise<PlainListener>;
}
