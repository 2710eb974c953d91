import { equal } from "node:assert/strict";
import { test } from "node:test";
import { workerUrl } from "./worker-url.ts";

test("a worker's script has the extension of the module that names it", () => {
  equal(workerUrl("./engine", "file:///app/src/flow/flow.ts").href, "file:///app/src/flow/engine.ts");
  equal(workerUrl("../engine", "file:///app/dist/flow/flow.js").href, "file:///app/dist/engine.js");
  equal(workerUrl("./engine", "file:///app/src/flow.ts?fresh=1").href, "file:///app/src/engine.ts");
});
