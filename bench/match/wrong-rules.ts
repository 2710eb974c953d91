/** Times the reading of wrong rules, each made of a right one: every one must be refused as a wrong rule is. */
import { parseRule, RuleSyntaxError } from "../../src/rules.ts";
import { givenToModule } from "../children.ts";
import { readLines } from "./our-rules.ts";

export interface WrongGiven {
  readonly rulesFile: string;
}

export interface WrongTold {
  readonly caught: number;
  readonly milliseconds: number;
}

/** Slips that people make, at the beginning, in the middle and at the end of a rule. */
const SLIPS: readonly ((text: string) => string)[] = [
  (text) => text.replace("=", "=="),
  (text) => text.replace(" , publish", " publish"),
  (text) => text.replace("publish", "pubish"),
  (text) => text.replace(":topic", ""),
  (text) => `(${text}`,
  (text) => text.replace(" , ", ") , "),
  (text) => text.replace(" , ", ' AND x-a="never closed , '),
  (text) => `MODULNAME=mod-users AND ${text}`,
  (text) => text.replace(" , ", " AND AND x-a , "),
  (text) => text.replace(" , ", " AND x-a~/(?=ahead)/ , "),
];

const { rulesFile } = givenToModule() as WrongGiven;
const texts = readLines(rulesFile).map((text, at) => (SLIPS[at % SLIPS.length] as (typeof SLIPS)[number])(text));
let caught = 0;
const start = performance.now();
for (const text of texts) {
  try {
    parseRule(text);
  } catch (problem) {
    if (problem instanceof RuleSyntaxError) caught += 1;
  }
}
const milliseconds = performance.now() - start;
if (caught !== texts.length) throw new Error(`${caught} of ${texts.length} wrong rules were refused as such`);
process.stdout.write(JSON.stringify({ caught, milliseconds } satisfies WrongTold));
