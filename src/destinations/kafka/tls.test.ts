import { equal, match, ok, rejects } from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { tlsSettings, trustedCertificates } from "./tls.ts";

test("a name is sent for the broker to choose its certificate by, an address is not", async () => {
  equal((await tlsSettings({}, { host: "k1", port: 9093 })).servername, "k1");
  equal((await tlsSettings({}, { host: "::1", port: 9093 })).servername, undefined);
  equal((await tlsSettings({ serverName: "kafka" }, { host: "10.0.0.1", port: 9093 })).servername, "kafka");
});

test("without a CA of its own a destination trusts those that come with Node and the system", () => {
  ok(trustedCertificates().length > 10);
});

test("a file that can't be read or used is told by its path", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "sidestream-tls-"));
  t.after(async () => await rm(folder, { recursive: true }));
  const path = join(folder, "file.pem");
  for (const name of ["ca", "cert", "key"]) {
    await rejects(tlsSettings({ [name]: path }, { host: "k1", port: 9093 }), {
      code: "SST_DESTINATION_TLS",
      message: `cannot read tls.${name}, the file ${path}: ENOENT`,
    });
  }
  await writeFile(path, "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n");
  for (const name of ["ca", "cert", "key"]) {
    await rejects(tlsSettings({ [name]: path }, { host: "k1", port: 9093 }), (error: Error & { code?: string }) => {
      equal(error.code, "SST_DESTINATION_TLS");
      match(error.message, new RegExp(`can't be used \\(${path}\\)`));
      return true;
    });
  }
});
