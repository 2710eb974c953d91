/**
 * Makes the certificates of one cluster with openssl: good ones, expired ones, and those of an authority nobody trusts.
 *
 * Elliptic curves, because such keys are made at once. Files are PEM, which Kafka reads too.
 */
import { execFile } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Paths of a certificate and its key, PEM. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

export interface TlsFiles {
  /** Signed the brokers' certificates and those of the clients. */
  readonly ca: string;
  /** The brokers' own: certificate and key in one file. For localhost and 127.0.0.1. */
  readonly broker: string;
  readonly brokerExpired: string;
  readonly client: CertificateFiles;
  readonly clientExpired: CertificateFiles;
  /** An authority that no broker trusts and that signed no broker's certificate. */
  readonly otherCa: string;
  /** Signed by the authority that no broker trusts. */
  readonly otherClient: CertificateFiles;
}

/** When a certificate is valid, as `openssl ca` takes it. */
const VALID = ["-days", "3650"];
const EXPIRED = ["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"];

/** `openssl ca`, unlike `openssl x509` of older versions, can write any dates. */
const SETTINGS = `
[ca]
default_ca = this
[this]
database = index.txt
new_certs_dir = .
rand_serial = yes
unique_subject = no
default_md = sha256
policy = names
x509_extensions = extensions
[names]
commonName = supplied
[extensions]
subjectAltName = DNS:localhost, IP:127.0.0.1
`;

/** The files in this folder; makes those that are missing. */
export async function certificates(folder: string): Promise<TlsFiles> {
  const path = (name: string): string => join(folder, name);
  const pair = (name: string): CertificateFiles => ({ certificate: path(`${name}.pem`), key: path(`${name}.key`) });
  const files: TlsFiles = {
    ca: path("ca.pem"),
    broker: path("broker.pem"),
    brokerExpired: path("broker-expired.pem"),
    client: pair("client"),
    clientExpired: pair("client-expired"),
    otherCa: path("other-ca.pem"),
    otherClient: pair("other-client"),
  };
  // The last that is made: with it there, all are.
  if (existsSync(files.otherClient.certificate)) return files;
  mkdirSync(folder, { recursive: true });
  writeFileSync(path("openssl.cnf"), SETTINGS);
  writeFileSync(path("index.txt"), "");
  await makeAuthority(folder, "ca");
  await makeCertificate(folder, "broker", "ca", VALID);
  await makeCertificate(folder, "broker-expired", "ca", EXPIRED);
  for (const keystore of ["broker", "broker-expired"]) appendFileSync(path(`${keystore}.pem`), readFileSync(path(`${keystore}.key`)));
  await makeCertificate(folder, "client", "ca", VALID);
  await makeCertificate(folder, "client-expired", "ca", EXPIRED);
  await makeAuthority(folder, "other-ca");
  await makeCertificate(folder, "other-client", "other-ca", VALID);
  return files;
}

/** A new key of name `NAME.key`, for any of openssl's commands that make one. */
function newKey(name: string): readonly string[] {
  return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", `/CN=${name}`, "-keyout", `${name}.key`];
}

async function makeAuthority(folder: string, name: string): Promise<void> {
  await run("openssl", ["req", "-x509", "-days", "3650", ...newKey(name), "-out", `${name}.pem`], { cwd: folder });
}

async function makeCertificate(folder: string, name: string, authority: string, validity: readonly string[]): Promise<void> {
  await run("openssl", ["req", ...newKey(name), "-out", `${name}.csr`], { cwd: folder });
  const signer = ["-cert", `${authority}.pem`, "-keyfile", `${authority}.key`];
  const files = ["-in", `${name}.csr`, "-out", `${name}.pem`];
  await run("openssl", ["ca", "-batch", "-notext", "-config", "openssl.cnf", ...signer, ...validity, ...files], { cwd: folder });
}
