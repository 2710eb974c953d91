import { equal, ok, throws } from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readFragments, withRelease } from "../tools/changelog.ts";

const folder = mkdtempSync(join(tmpdir(), "sidestream-changelog-"));
after(() => rmSync(folder, { recursive: true }));

const EMPTY = "# Changelog\n\n<!-- releases -->\n";

test("this repository's fragments are in order", () => {
  ok(readFragments(join(import.meta.dirname, "../changelog.d")).length >= 0);
});

test("fragments are joined by kind, breaking changes first", () => {
  const text = withRelease(EMPTY, "0.2.0", "2027-01-31", [
    { file: "a.fix.md", kind: "fix", text: "A lane no longer stalls." },
    { file: "b.breaking.md", kind: "breaking", text: "`spool` is renamed.\nSee docs." },
  ]);
  equal(
    text,
    "# Changelog\n\n<!-- releases -->\n\n## 0.2.0 (2027-01-31)\n\n### Breaking\n\n- `spool` is renamed.\n  See docs.\n\n### Mended\n\n- A lane no longer stalls.\n",
  );
});

test("a newer release stands before an older one", () => {
  const fragments = [{ file: "a.fix.md", kind: "fix", text: "costs $& nothing" }] as const;
  const text = withRelease(withRelease(EMPTY, "0.1.0", "2027-01-01", fragments), "0.2.0", "2027-02-01", fragments);
  ok(text.indexOf("## 0.2.0") < text.indexOf("## 0.1.0"));
  ok(text.includes("costs $& nothing"));
});

test("a release that is there already, without fragments or without a version is refused", () => {
  const fragments = [{ file: "a.fix.md", kind: "fix", text: "x" }] as const;
  throws(() => withRelease(withRelease(EMPTY, "0.1.0", "2027-01-01", fragments), "0.1.0", "2027-01-01", fragments), /has 0\.1\.0 already/u);
  throws(() => withRelease(EMPTY, "0.1.0", "2027-01-01", []), /nothing to release/u);
  throws(() => withRelease(EMPTY, "soon", "2027-01-01", fragments), /not a version: soon/u);
  throws(() => withRelease("# Changelog\n", "0.1.0", "2027-01-01", fragments), /lost its line/u);
});

test("every fragment that is not in order is named", () => {
  writeFileSync(join(folder, "nothing.feature.md"), "\n");
  writeFileSync(join(folder, "what.idea.md"), "An idea.");
  writeFileSync(join(folder, "title.fix.md"), "# A title\n");
  throws(
    () => readFragments(folder),
    /nothing\.feature\.md: is empty\ntitle\.fix\.md: has a heading.*\nwhat\.idea\.md: expected SLUG\.KIND\.md/su,
  );
});
