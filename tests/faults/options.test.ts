import { deepEqual } from "node:assert/strict";
import { test } from "node:test";
import { optionsOf } from "./options.ts";

test("what is wrong with the parameters is told as a text", () => {
  const wrong = [
    ["--nodes", "2"],
    ["--delivery", "at-most-once"],
    ["--minutes", "0"],
    ["--seed", "x"],
    ["--events", "1.5"],
  ];
  deepEqual(
    wrong.map((parameters) => optionsOf(parameters)),
    [
      "--nodes wants 1 or 3",
      "--delivery wants exactly-once or at-least-once",
      "--minutes wants a number above 0",
      "--seed and --events want whole numbers",
      "--seed and --events want whole numbers",
    ],
  );
});

test("without parameters it is the long form, exactly once, with one broker or as many minutes more with three", () => {
  const usual = { delivery: "exactly-once", events: undefined, json: undefined, log: undefined };
  deepEqual(optionsOf(["--seed", "3"]), { ...usual, seed: 3, nodes: 1, minutes: 12 });
  deepEqual(optionsOf(["--seed", "3", "--nodes", "3"]), { ...usual, seed: 3, nodes: 3, minutes: 20 });
});
