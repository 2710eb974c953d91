/** A disk whose syncs fail and lose what they were for, which cuts writes short or loses power: see faulty-disk.c. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { compiled } from "./compiled.ts";
import { temporaryFolder } from "./program.ts";

export interface FaultyDisk {
  /** Of the program that is to have this disk. */
  readonly environment: Record<string, string>;
  /** What fails from now on, a rule each; counting begins anew. None: nothing. */
  readonly plan: (...rules: readonly string[]) => void;
}

/** @param folder - Of the files that are on it. It need not be there yet. */
export function makeFaultyDisk(test: TestContext, folder: string, seed = 1): FaultyDisk {
  const own = temporaryFolder(test);
  const path = join(own, "plan");
  const held = `${folder}.held`;
  mkdirSync(held, { recursive: true });
  const plan = (...rules: readonly string[]): void => writeFileSync(path, rules.map((rule) => `${rule}\n`).join(""));
  plan();
  return {
    environment: {
      LD_PRELOAD: compiled("faulty-disk.c", ["-shared", "-fPIC", "-ldl"]),
      FAULTY_DISK_FOLDER: folder,
      FAULTY_DISK_HELD: held,
      FAULTY_DISK_PLAN: path,
      FAULTY_DISK_SEED: String(seed),
    },
    plan,
  };
}
