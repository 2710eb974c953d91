import { equal } from "node:assert/strict";
import { test } from "node:test";
import { didYouMean, nearest } from "./suggest.ts";

const KNOWN = ["brokers", "bytesMax", "batchBytesMax", "entityId"];

test("the nearest name is found by edits, without regard to case", () => {
  equal(nearest("broker", KNOWN), "brokers");
  equal(nearest("bytemax", KNOWN), "bytesMax");
  equal(nearest("ENTITYID", KNOWN), "entityId");
});

test("two characters that changed places are one edit", () => {
  equal(nearest("kafak", ["file", "kafka", "stdout"]), "kafka");
  equal(nearest("ab", ["ba"]), undefined);
});

test("a name that was begun and not finished is found", () => {
  equal(nearest("batch", KNOWN), "batchBytesMax");
});

test("nothing is suggested where nothing is near", () => {
  equal(nearest("xyz", KNOWN), undefined);
  equal(nearest("", KNOWN), undefined);
  equal(nearest("b".repeat(100_000), KNOWN), undefined);
  equal(nearest("a", []), undefined);
  equal(didYouMean("xyz", KNOWN), "");
  equal(didYouMean("brokrs", KNOWN), "; did you mean brokers?");
});
