// One error class and a closed list of codes. docs/errors.md documents every code; a test holds the two together.

/** What a code means: the exit status of the command line, whether trying again can help, and its meaning in words. */
export interface ErrorKind {
  readonly exit: number;
  readonly retryable: boolean;
  readonly means: string;
}

export const ERROR_KINDS = {
  "bad-argument": { exit: 2, retryable: false, means: "What was given can't be understood or isn't allowed." },
  "not-found": { exit: 3, retryable: false, means: "There is no such peer, space, key, offer or transfer here." },
  unreachable: { exit: 3, retryable: true, means: "The other peer can't be reached at any known address." },
  "not-paired": { exit: 4, retryable: false, means: "The two peers are not paired." },
  refused: { exit: 4, retryable: false, means: "The other side does not permit this." },
  declined: { exit: 4, retryable: false, means: "The person at the other side said no." },
  "ticket-invalid": { exit: 4, retryable: false, means: "The ticket is mistyped, expired, or already used by another peer." },
  timeout: { exit: 5, retryable: true, means: "It took longer than allowed." },
  integrity: { exit: 7, retryable: false, means: "What arrived does not agree with its hash or signature." },
  "daemon-down": { exit: 8, retryable: true, means: "This device's peer is not running, or does not answer." },
  changed: { exit: 1, retryable: true, means: "A file changed while it was read." },
  conflict: { exit: 1, retryable: false, means: "Something else is there already: a newer version, or a file of that name." },
  protocol: { exit: 1, retryable: false, means: "The other peer said something that the protocol does not allow." },
  version: { exit: 1, retryable: false, means: "Two versions of covey, or of its stored data, do not fit together." },
  limit: { exit: 1, retryable: false, means: "A limit named in docs/limits.md was reached." },
  "no-space": { exit: 1, retryable: true, means: "The disk is full." },
  "home-unsafe": { exit: 1, retryable: false, means: "The home directory or the key in it can be read or changed by others." },
  "home-busy": { exit: 1, retryable: false, means: "Another process runs the peer of this home." },
  closed: { exit: 1, retryable: true, means: "The session, stream or object was closed before this ended." },
  "connection-lost": { exit: 1, retryable: true, means: "The connection was cut before all was there." },
  io: { exit: 1, retryable: false, means: "The file system or the operating system refused." },
  internal: { exit: 1, retryable: false, means: "A fault in covey itself." },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERROR_KINDS;

export interface ErrorExtras {
  /** What to do next, in one sentence for the person at the keyboard. */
  readonly hint?: string;
  /** JSON-plain facts for programs. */
  readonly details?: Readonly<Record<string, string | number | boolean | null>>;
  readonly cause?: unknown;
}

/** The only error that covey throws on purpose. An aborted call throws its signal's reason instead. */
export class CoveyError extends Error {
  override readonly name = "CoveyError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, string | number | boolean | null>>;

  constructor(code: ErrorCode, message: string, extras: ErrorExtras = {}) {
    super(message, extras.cause === undefined ? undefined : { cause: extras.cause });
    this.code = code;
    this.hint = extras.hint;
    this.details = extras.details ?? {};
  }

  /** Whether the same call may succeed later without anything being changed. */
  get retryable(): boolean {
    return ERROR_KINDS[this.code].retryable;
  }

  /** The exit status of the command line, docs/errors.md. */
  get exitCode(): number {
    return ERROR_KINDS[this.code].exit;
  }

  toJSON(): ErrorJson {
    const { code, message, hint, details, retryable } = this;
    return hint === undefined ? { code, message, details, retryable } : { code, message, hint, details, retryable };
  }
}

/** A CoveyError as it crosses the control socket and `--json`. */
export interface ErrorJson {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
  readonly retryable: boolean;
}

export const isErrorCode = (code: unknown): code is ErrorCode => typeof code === "string" && Object.hasOwn(ERROR_KINDS, code);

/** The same error on the other side of a border; an unknown code becomes `internal`. */
export function errorFromJson(json: { code?: unknown; message?: unknown; hint?: unknown; details?: unknown }): CoveyError {
  const message = typeof json.message === "string" ? json.message : "unknown error";
  const extras: { hint?: string; details?: ErrorJson["details"] } = {};
  if (typeof json.hint === "string") extras.hint = json.hint;
  if (typeof json.details === "object" && json.details !== null) extras.details = json.details as ErrorJson["details"];
  return new CoveyError(isErrorCode(json.code) ? json.code : "internal", message, extras);
}

const PLATFORM: Readonly<Record<string, ErrorCode>> = {
  ENOENT: "not-found",
  EACCES: "io",
  EPERM: "io",
  EEXIST: "conflict",
  ENOSPC: "no-space",
  EDQUOT: "no-space",
  ECONNREFUSED: "unreachable",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  ENOTFOUND: "unreachable",
  EAI_AGAIN: "unreachable",
  ETIMEDOUT: "timeout",
  ECONNRESET: "closed",
  EPIPE: "closed",
  ERR_STREAM_PREMATURE_CLOSE: "closed",
};

const PLATFORM_HINTS: Readonly<Partial<Record<ErrorCode, string>>> = {
  "not-found": "Check how the path is written, and that what it names is still there.",
  "no-space": "Free some space; then the same command goes on from where it was.",
};

/** Of "ENOENT: no such file or directory, open '/x'" what is new: all but the path when that is named already. */
function reasonOf(message: string, doing: string): string {
  const [, reason, path = ""] = /^E[A-Z0-9]+: (.+?), \w+(?: '(.*)')?$/s.exec(message) ?? [];
  return reason !== undefined && doing.includes(path) ? reason : message;
}

/** Translates what Node threw, once, at the border; a CoveyError passes unchanged. `doing` completes "can't ...". */
export function fromPlatform(error: unknown, doing: string): CoveyError {
  if (error instanceof CoveyError) return error;
  const platform = error instanceof Error && "code" in error ? String(error.code) : "";
  const why = reasonOf(error instanceof Error ? error.message : String(error), doing);
  const code = PLATFORM[platform] ?? (platform.startsWith("E") ? "io" : "internal");
  const hint = PLATFORM_HINTS[code];
  return new CoveyError(code, `can't ${doing}: ${why}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: error,
    details: platform === "" ? {} : { platform },
  });
}
