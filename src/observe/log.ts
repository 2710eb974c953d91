/**
 * The log: one JSON object a line, on standard error.
 *
 * Promise: a line is written before the call returns, so none is lost when the process or its thread ends, however it
 * ends. The price is that a reader of standard error that stops reading holds the program up once the pipe is full
 * (64 KiB on Linux), as with any program; therefore nothing is logged per request. A reader that is gone costs only the
 * lines. Each thread opens a log of its own; lines of up to 4 KiB never mix.
 */
import { pino } from "pino";
import { isSidestreamError } from "../errors.ts";

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const STANDARD_ERROR = 2;

/** A last defence: fields of these names are never printed, whoever logs them. */
const SECRET_FIELDS = ["password", "token", "secret", "authorization", "cookie"];
const SECRET_PATHS = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]);

interface LogWrite {
  (text: string): void;
  (fields: object, text: string): void;
}

export interface Log {
  readonly trace: LogWrite;
  readonly debug: LogWrite;
  readonly info: LogWrite;
  readonly warn: LogWrite;
  readonly error: LogWrite;
  readonly fatal: LogWrite;
  /** A log whose lines all carry these fields. */
  child(fields: Readonly<Record<string, unknown>>): Log;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** Who speaks: `sidestream`, `engine`. */
  readonly name: string;
  /** Takes each line, with its newline, instead of standard error. */
  readonly write?: (line: string) => void;
}

/** What a line says of an error under `err`: for ours also the code and what to do. */
function describeError(error: Error): object {
  const described = pino.stdSerializers.err(error);
  return isSidestreamError(error) ? { ...described, code: error.code, hint: error.hint } : described;
}

/** Opens a log. Each line has `level`, `time` (ISO 8601), `name`, `msg`; an error goes under `err`. */
export function createLog({ level, name, write }: LogOptions): Log {
  const destination = write === undefined ? pino.destination({ fd: STANDARD_ERROR, sync: true }) : { write };
  return pino(
    {
      level,
      base: { name },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
      redact: { paths: SECRET_PATHS, censor: "[removed]" },
    },
    destination,
  );
}
