// covey as a client of programs that do not speak it: over plain TCP and HTTP, without an identity, so without a daemon.

/** JSON-plain. A file that was fetched by HTTP. */
export interface Downloaded {
  /** Where it is. */
  readonly path: string;
  readonly size: number;
  /** Of those, bytes that an earlier run had brought. */
  readonly resumedBytes: number;
  /**
   * How it is known that it is whole: by its hash (the other side is a covey's gateway), by the length that the server said, which counts
   * chunks that came to their end too, or not at all: the server just closed.
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
  /** What to do where the name is taken. "skip" leaves what is there, and rejects with `conflict`. Default: "rename". */
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

/** A raw conversation. Either direction ends by itself. Disposing of it cuts it, unless both have ended. */
export interface PlainStream extends AsyncDisposable {
  /** The other end's IP address and port. */
  readonly remote: string;
  /** What it sends, at the reader's pace, until it has ended; throws `connection-lost` when it is cut. For one reader. */
  read(): AsyncIterable<Uint8Array>;
  /** Resolves when there is room for more. The bytes must not change afterwards. */
  write(bytes: Uint8Array): Promise<void>;
  /** No more will be written: the other end reads an end. */
  end(): Promise<void>;
}

/** A port where plain programs connect. */
export interface PlainListener extends AsyncDisposable {
  /** Where, as "tcp://HOST:PORT". */
  readonly address: string;
  /** The first one that connects; the port is closed then. The signal cuts the conversation later, too. Rejects with `closed` from then on. */
  accept(options?: { readonly signal?: AbortSignal }): Promise<PlainStream>;
}

/** All of it: URLs are "tcp://HOST:PORT" or "http://HOST[:PORT]/PATH". Everything rejects with `bad-argument`, `unreachable`, `connection-lost`. */
export interface Plain {
  /**
   * Fetches a file. What is cut stays as a hidden part in the directory, and the same call goes on with it, where the server can and the
   * file is still the same; a server that says nothing to tell versions apart by begins again. Bytes that the server has encoded are kept
   * so. Where all that comes is the file, without a head, that is the file. Redirects lead to http:// alone. Rejects with `not-found`,
   * `refused` (what the server answered), `protocol`, `integrity`, `conflict`, `no-space`, `timeout`, `limit`.
   */
  download(url: string, options: DownloadOptions): Promise<Downloaded>;
  /**
   * The bytes of a file as they come; throws when it is not whole, as far as the server said. `onUnverifiable`: it has ended, and the
   * server did not say where it ends.
   */
  read(url: string, options?: { readonly signal?: AbortSignal; readonly onUnverifiable?: () => void }): AsyncIterable<Uint8Array>;
  /**
   * Sends one message, and resolves to what comes back, a greeting as well: until a pause or the end. Rejects with `limit` (more than
   * LIMITS.plainMessageBytes), `timeout` (no answer), `refused` (it began with "refused: ").
   */
  message(url: string, text: string, options?: { readonly signal?: AbortSignal }): Promise<PlainAnswer>;
  /** Asks with `get_data`; a greeting is heard before that, and is not the list's. Rejects as `message` does. */
  getList(url: string, options?: { readonly signal?: AbortSignal }): Promise<readonly string[]>;
  /** Sends `update_data,…`, behind a greeting, too; resolves once it was acknowledged. Rejects with `refused` and the answer, `bad-argument`, `limit`, `timeout`. */
  setList(url: string, values: readonly string[], options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** The signal cuts the conversation later, too. */
  connect(url: string, options?: { readonly signal?: AbortSignal }): Promise<PlainStream>;
  /** At "tcp://HOST:PORT", "tcp://*:PORT" for every interface; port 0 is any. Rejects with `conflict` (it is taken). */
  listen(url: string): Promise<PlainListener>;
}
