/**
 * Every error that a user can meet: its code, what to do about it, how the program ends over it.
 *
 * Promise: the code is the contract, messages may change. docs/errors.md describes each code, and a test keeps
 * the two alike. A broken promise of our own code is an assertion, not one of these.
 */

/**
 * What the dispatcher does about a failed send: wait and repeat, open the connection anew, send at once in smaller
 * batches, or set the message aside.
 */
export type Retry = "later" | "reconnect" | "split" | "never";

interface ErrorEntry {
  readonly retry: Retry;
  /** Exit status when the program ends over it: 1 problems, 2 wrong use, 70 our fault, 74 disk, 75 try again, 78 configuration. */
  readonly exit: number;
  readonly hint: string;
}

export const ERRORS = {
  SST_CONFIG_INVALID: {
    retry: "never",
    exit: 78,
    hint: "Mend the places named above; `sidestream validate FILE` checks without starting.",
  },
  SST_CONFIG_UNREADABLE: { retry: "never", exit: 78, hint: "Check that the file exists and that this user may read it." },
  SST_RULE_INVALID: { retry: "never", exit: 78, hint: "The rule language is described in docs/rules.md." },
  SST_EVENT_INVALID: { retry: "never", exit: 65, hint: "An event is an object of attributes; docs/rules.md lists the names." },
  SST_NOT_AVAILABLE: { retry: "never", exit: 78, hint: "This release does not have it yet; docs/configuration.md lists what it has." },
  SST_LISTEN_FAILED: {
    retry: "later",
    exit: 75,
    hint: "EADDRINUSE: another program holds it; EACCES: this user may not use it; EADDRNOTAVAIL: this machine has no such address.",
  },
  SST_UPSTREAM_UNREACHABLE: { retry: "later", exit: 75, hint: "Check that the upstream runs and that its address in `upstream` is right." },
  SST_UPSTREAM_TIMEOUT: {
    retry: "later",
    exit: 75,
    hint: "The upstream took the request and gave no answer in time: see its own log, or raise `timeouts.upstreamIdleMs`.",
  },
  SST_UPSTREAM_BROKEN: { retry: "later", exit: 75, hint: "The upstream cut its answer or broke HTTP's rules: see its own log." },
  SST_REQUEST_INVALID: {
    retry: "never",
    exit: 1,
    hint: "Mend what the client sends: the message says what is wrong with it.",
  },
  SST_REQUEST_UNAUTHORIZED: { retry: "never", exit: 1, hint: "Give the sender the key that `apiKey` in the configuration holds." },
  SST_REQUEST_TOO_LARGE: { retry: "never", exit: 1, hint: "Send less at once, or raise the limit that the message names." },
  SST_CAPTURE_NO_ROOM: {
    retry: "later",
    exit: 75,
    hint: "The engine or the spool can't keep up: see `sidestream status` for the destination that lags.",
  },
  SST_JOURNAL_FOLDER: {
    retry: "later",
    exit: 74,
    hint: "Name a folder on a local disk as `journals`, and run Sidestream as the user who runs the agents: what a plugin writes is for its own user alone.",
  },
  SST_JOURNAL_LOCKED: {
    retry: "later",
    exit: 75,
    hint: "One Sidestream reads a folder of journals: end the other one, or give each its own folder.",
  },
  SST_JOURNAL_VERSION: {
    retry: "later",
    exit: 78,
    hint: "Use a plugin and a Sidestream of the same release; docs/journal-format.md describes the format.",
  },
  SST_ENGINE_LOST: { retry: "later", exit: 75, hint: "The engine is being restarted; the log names the cause." },
  SST_ENGINE_SILENT: {
    retry: "later",
    exit: 75,
    hint: "The engine lives but did not answer in time: it is overloaded or its disk stalls; ask again shortly.",
  },
  SST_HANDOVER_INVALID: {
    retry: "never",
    exit: 70,
    hint: "A fault in Sidestream itself, or in a source driver: please report it with this line.",
  },
  SST_TENANT_SHARE: {
    retry: "later",
    exit: 75,
    hint: "The tenant has more waiting than its share: mend the destination that lags, raise `spool.bytesMax` or `spool.tenantSharePercent`.",
  },
  SST_SPOOL_FULL: { retry: "later", exit: 75, hint: "Raise `spool.bytesMax` or mend the destination that lags." },
  SST_SPOOL_IO: { retry: "later", exit: 74, hint: "The disk refused a read or write: check its space, its mount and the system log." },
  SST_SPOOL_READ_ONLY: { retry: "later", exit: 74, hint: "Mount the data folder writable, or give this user the right to write there." },
  SST_SPOOL_LOCKED: {
    retry: "later",
    exit: 75,
    hint: "Stop the process that uses this data folder first. A second program needs a folder of its own (`data`, or --spool).",
  },
  SST_SPOOL_VERSION: {
    retry: "never",
    exit: 78,
    hint: "A newer release wrote this spool: run that release, or drain the spool with it first.",
  },
  SST_SPOOL_NETWORK_DISK: {
    retry: "never",
    exit: 78,
    hint: "Put the data folder on a local disk: a network file system can't keep the spool's promises.",
  },
  SST_SPOOL_DAMAGED: { retry: "never", exit: 74, hint: "`sidestream spool fsck` lists the damage; the damaged bytes were set aside." },
  SST_SPOOL_CUT: {
    retry: "never",
    exit: 74,
    hint: "The log lost numbers that were already used: see docs/spool-format.md, section 8, before you go on.",
  },
  SST_DESTINATION_UNREACHABLE: { retry: "reconnect", exit: 75, hint: "Check address, DNS and TLS." },
  SST_DESTINATION_UNSURE: {
    retry: "reconnect",
    exit: 75,
    hint: "The send was cut off mid-way; it is repeated, so the message may arrive twice.",
  },
  SST_DESTINATION_BUSY: { retry: "later", exit: 75, hint: "The destination asked to wait; sending goes on by itself." },
  SST_DESTINATION_LOGIN: {
    retry: "reconnect",
    exit: 75,
    hint: "The destination refused the login: check user, password or token, and the mechanism. Messages wait in the spool.",
  },
  SST_DESTINATION_TLS: {
    retry: "reconnect",
    exit: 75,
    hint: "The TLS handshake failed: check `tls`, the CA, the certificate's names and its dates. Messages wait in the spool.",
  },
  SST_DESTINATION_FORBIDDEN: {
    retry: "later",
    exit: 75,
    hint: "Give this user the rights that docs/destinations lists for it; sending goes on by itself.",
  },
  SST_DESTINATION_UNSUPPORTED: {
    retry: "never",
    exit: 78,
    hint: "The server is older than this driver can work with: docs/destinations says which releases it supports.",
  },
  SST_TOPIC_MISSING: {
    retry: "later",
    exit: 75,
    hint: "Create the topic, or let Sidestream do it (`createTopics`); its messages wait in the spool meanwhile.",
  },
  SST_TOPIC_INVALID: { retry: "never", exit: 1, hint: "The destination can't have a topic of this name: change the rule's target." },
  SST_LANE_UNAVAILABLE: {
    retry: "later",
    exit: 75,
    hint: "No leader, or too few in-sync replicas: see the brokers' health; sending goes on by itself.",
  },
  SST_NUMBERS_REFUSED: {
    retry: "later",
    exit: 75,
    hint: "The destination expects other numbers than were sent; it is asked what it has, and sending goes on by itself.",
  },
  SST_IDENTITY_CHANGED: {
    retry: "later",
    exit: 75,
    hint: "`sidestream spool identity show DESTINATION` tells what changed; `accept` or `reset` decides, after which sending goes on.",
  },
  SST_LANE_IN_DOUBT: {
    retry: "later",
    exit: 75,
    hint: "`sidestream spool resolve DESTINATION:LANE` shows what may have arrived; with --resend or --skip it goes on.",
  },
  SST_BATCH_REFUSED: { retry: "split", exit: 75, hint: "The batch is sent again in parts, to find the message at fault." },
  SST_DESTINATION_REFUSED: { retry: "never", exit: 1, hint: "The destination refused this message: see `cause`." },
  SST_DESTINATION_DISK: {
    retry: "later",
    exit: 74,
    hint: "The disk under the destination refused a write: check its space, its mount and this user's rights; sending goes on by itself.",
  },
  SST_DESTINATION_LOCKED: {
    retry: "reconnect",
    exit: 75,
    hint: "Another destination or program writes to that folder: give each one a folder of its own.",
  },
  SST_TEMPLATE_VALUE: {
    retry: "never",
    exit: 1,
    hint: "A value for the topic is missing or has characters outside [A-Za-z0-9_-]: choose another template value.",
  },
  SST_TOPIC_LIMIT: {
    retry: "never",
    exit: 1,
    hint: "Too many distinct topics: a template value varies more than it should, or raise `limits.topicsMax`.",
  },
  SST_COMMAND_INVALID: {
    retry: "never",
    exit: 2,
    hint: "`sidestream COMMAND --help` says what a command takes; `sidestream status` lists destinations and orphaned logs, `sidestream spool inspect` all logs on disk.",
  },
  SST_AGENT_UNREACHABLE: {
    retry: "later",
    exit: 2,
    hint: "Check --admin, and that the agent runs; behind TLS with an authority of your own set NODE_EXTRA_CA_CERTS.",
  },
  SST_AGENT_REFUSED: {
    retry: "never",
    exit: 2,
    hint: "Give the agent's admin API key by --api-key-file or SIDESTREAM_ADMIN_API_KEY; an agent with OAuth2 wants --token-file.",
  },
  SST_AGENT_ANSWER: {
    retry: "never",
    exit: 2,
    hint: "Check that --admin leads to the admin API of an ACA-Py agent, and see the agent's own log.",
  },
  SST_DATA_MISSING: {
    retry: "never",
    exit: 2,
    hint: "Name the data folder with --data (what `data` or --spool names for `run`), or the configuration with --config; the first start makes it.",
  },
  SST_STATUS_UNREACHABLE: {
    retry: "later",
    exit: 75,
    hint: "A sidestream ran on that data folder, but none answers now: start it, or ask as the user who runs it. `sidestream spool inspect` tells what waits on disk.",
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** Wrong configuration or a broken world, told with a code, a place and a hint. Match on `code`, never on the text. */
export class SidestreamError extends Error {
  override readonly name = "SidestreamError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  get retry(): Retry {
    return ERRORS[this.code].retry;
  }

  get hint(): string {
    return ERRORS[this.code].hint;
  }

  get exit(): number {
    return ERRORS[this.code].exit;
  }
}

/** Tells a SidestreamError from any other value, also one that another copy of this package made. */
export function isSidestreamError(value: unknown): value is SidestreamError {
  return (
    value instanceof Error && value.name === "SidestreamError" && "code" in value && typeof value.code === "string" && value.code in ERRORS
  );
}
