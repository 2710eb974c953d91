/** What an agent's event may be called, and whose it may be: alike in all sources that take agents' events over HTTP. */

/** Wallet ids are UUIDs today. */
export const WALLET = /^[\x21-\x7e]{1,128}$/;

const TOPIC_CHARACTERS_MAX = 256;

/** Topics become parts of targets and lines of logs: no blanks, no control characters, no halves of characters. */
export function isTopic(text: string): boolean {
  return text.length > 0 && text.length <= TOPIC_CHARACTERS_MAX && !/[\p{Cc}\p{Cs}\p{Z}]/u.test(text);
}
