/**
 * Crashes of the spool at more than 100,000 distinct points: by history, by operation of the disk, by what of the disk
 * survived. `npm run crash` goes on from here for as long as one likes.
 */
import { equal, ok } from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test, type TestContext } from "node:test";
import { FAMILIES, searchFamilies, type Family } from "./testing/crash/families.ts";
import { crashes, violationText, type TellableViolation } from "./testing/crash/report.ts";
import { Search, type Tally } from "./testing/crash/search.ts";
import { tellable } from "./testing/crash/worker.ts";

const CRASH_POINTS_MIN = 100_000;
const ALONE = { part: 0, of: 1 } as const;

const seed = randomInt(1, 1_000_000);
const tallies = new Map<string, Tally>();

/** Searches histories of a family until so many points were tried, or there are no more. */
async function searchFor(t: TestContext, name: string, pointsMax: number): Promise<void> {
  const family = FAMILIES.find((each) => each.name === name) as Family;
  let isOver = (): boolean => false;
  const search = new Search(seed, () => isOver());
  isOver = () => search.tally.points >= pointsMax;
  const violations: TellableViolation[] = [];
  await searchFamilies(search, [family], ALONE, (violation) => violations.push(tellable(violation)) < 3);
  const { histories, points, starts } = search.tally;
  t.diagnostic(`seed ${seed}: ${points} points, ${starts} starts, ${histories} histories`);
  equal(violations.length, 0, violations.map(violationText).join("\n"));
  ok(points >= Math.min(pointsMax, 2_000), `${points} points`);
  for (const [each, tally] of search.tallies) tallies.set(each, tally);
}

test("whatever a crash leaves of a short history, everything that was acknowledged is there and nothing else", async (t) => {
  await searchFor(t, "short", Infinity);
});

test("an operation of the disk that fails, and a crash after it, cost nothing that was acknowledged", async (t) => {
  await searchFor(t, "fault", 14_000);
});

test("whatever the log counts as delivered after a crash, the destination has, and in order", async (t) => {
  await searchFor(t, "dispatch", 6_000);
});

test("a flipped bit costs a frame or a batch at most, and a disk that lied leads to no number used twice", async (t) => {
  await searchFor(t, "damage", 3_000);
});

test("a reader beside a running program changes nothing and takes nothing for damage", async (t) => {
  await searchFor(t, "reader", 2_000);
});

test("long histories of several lives keep what they promised through every crash", async (t) => {
  await searchFor(t, "long", Math.max(16_000, CRASH_POINTS_MIN - crashes(tallies).points));
});

test("there were more than 100,000 distinct crash points", (t) => {
  const { points, starts } = crashes(tallies);
  t.diagnostic(`${points} crash points, ${starts} starts`);
  ok(points >= CRASH_POINTS_MIN, `${points} crash points`);
});
