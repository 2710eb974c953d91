/**
 * The few structured messages beside the bytes: opening, questions and answers, stopping. Never one per event.
 *
 * Promise: an error crosses with its code, its text and its causes, so that a failed start reads the same on both sides.
 */
import { ERRORS, SidestreamError, isSidestreamError, type ErrorCode } from "../../errors.ts";

/** An error as plain data: cloning an Error between threads loses its code. */
export interface ErrorText {
  readonly code: ErrorCode | null;
  readonly message: string;
  readonly stack: string | null;
  readonly cause: ErrorText | null;
}

export type ToEngine =
  | {
      readonly kind: "open";
      readonly version: number;
      readonly bootId: Uint8Array;
      readonly sources: readonly (string | undefined)[];
      /** One 64-bit float: the number of the record that the engine works on, 0 for none. */
      readonly working: SharedArrayBuffer;
    }
  | { readonly kind: "sources"; readonly sources: readonly (string | undefined)[] }
  | { readonly kind: "call"; readonly id: number; readonly name: string; readonly payload: unknown }
  | { readonly kind: "stop" };

export type FromEngine =
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly error: ErrorText }
  | { readonly kind: "answer"; readonly id: number; readonly value: unknown }
  | { readonly kind: "refusal"; readonly id: number; readonly error: ErrorText }
  | { readonly kind: "stopped"; readonly error: ErrorText | null };

/** Causes of causes told at most. */
const CAUSES_MAX = 5;

export function errorToText(error: unknown, causesLeft: number = CAUSES_MAX): ErrorText {
  if (!(error instanceof Error)) return { code: null, message: String(error), stack: null, cause: null };
  return {
    code: isSidestreamError(error) ? error.code : null,
    message: error.message,
    stack: error.stack ?? null,
    cause: error.cause === undefined || causesLeft === 0 ? null : errorToText(error.cause, causesLeft - 1),
  };
}

export function errorFromText(text: ErrorText): Error {
  const options = text.cause === null ? {} : { cause: errorFromText(text.cause) };
  const error =
    text.code !== null && text.code in ERRORS ? new SidestreamError(text.code, text.message, options) : new Error(text.message, options);
  if (text.stack !== null) error.stack = text.stack;
  return error;
}
