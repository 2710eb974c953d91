import { equal } from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { test } from "node:test";
import { listener } from "./listening.ts";

test("a port is this process's, another's or nobody's", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  equal(listener(port, process.pid), "this");
  equal(listener(port, process.ppid), "another");
  server.close();
  await once(server, "close");
  equal(listener(port, process.pid), "nobody");
});
