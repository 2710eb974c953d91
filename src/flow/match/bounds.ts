/**
 * Bounds of the rule language. A descriptor is a file of the operator, but it may be generated, and what is compared
 * comes from the internet: so each size has an end, told with its place.
 */

/** Characters (UTF-16 code units) in the text of one rule. A long hand-written rule has a few thousand. */
export const RULE_CHARACTERS_MAX = 64 * 1024;

/** Parentheses and NOT inside one another. Keeps recursion far from the end of the stack, and is more than a reader can follow. */
export const NESTING_MAX = 64;

/** Terms in one rule. Each may be looked at for each event. */
export const TERMS_MAX = 1_000;

/** Values in one list. */
export const LIST_OPERANDS_MAX = 1_000;

/** Characters in one regular expression. */
export const REGEX_CHARACTERS_MAX = 1_000;

/**
 * Instructions that a regular expression may compile to. Time per value is at worst instructions times characters:
 * 1,000 and 8,192 stay within about 0.3 s on the slowest pattern found, where ordinary ones take microseconds.
 */
export const REGEX_INSTRUCTIONS_MAX = 1_000;

/** Characters of a value that a regular expression is tried on. On a longer value the answer is "unknown". */
export const REGEX_INPUT_CHARACTERS_MAX = 8_192;

/** Steps in a pointer into content: each is a level of nesting in the document. */
export const POINTER_STEPS_MAX = 32;

/** Characters in a template. No broker takes a topic beyond 255, and a key that long helps nobody. */
export const TEMPLATE_CHARACTERS_MAX = 1_000;

/** Characters in a topic: Kafka takes no more. */
export const TOPIC_CHARACTERS_MAX = 249;

/** Characters in the name of a destination. */
export const DESTINATION_CHARACTERS_MAX = 64;

/** Distinct header names kept in the index of one event. Names beyond it are found by reading the list through. */
export const HEADER_NAMES_MAX = 1_000;

/** Warnings kept of one text. Who has a hundred has seen enough, and each costs a walk through the text. */
export const WARNINGS_MAX = 100;
