/**
 * TLS to the brokers: files into settings, failures into words.
 *
 * Promise: files are read anew for each connection, so that a renewed certificate is taken without a restart. A failed
 * handshake is told with what is needed to mend it: which side, and the certificate's dates or names.
 */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { connect, createSecureContext, getCACertificates, type ConnectionOptions, type PeerCertificate } from "node:tls";
import { SidestreamError } from "../../errors.ts";
import { errorChain, errorCodes, isTimeout } from "./error-chain.ts";
import { quoted } from "./kafka-error.ts";
import { brokerAddressText, type BrokerAddress, type KafkaTls } from "./options.ts";

/** A second connection, made only to see a certificate that was not accepted, waits this long. */
const LOOK_MS_MAX = 1_000;

/** Whom to trust without `ca`: what Node brings along and what this machine's operator added to the system. */
export function trustedCertificates(): string[] {
  return [...new Set([...getCACertificates("default"), ...getCACertificates("system")])];
}

/**
 * Settings for one connection.
 *
 * @throws SidestreamError `SST_DESTINATION_TLS` when a file can't be read or used; the text names it.
 */
export async function tlsSettings(tls: KafkaTls, { host }: BrokerAddress): Promise<ConnectionOptions> {
  const [ca, cert, key] = await Promise.all([read("tls.ca", tls.ca), read("tls.cert", tls.cert), read("tls.key", tls.key)]);
  const servername = tls.serverName ?? (isIP(host) === 0 ? host : undefined);
  try {
    if (ca !== undefined) void new X509Certificate(ca);
    const secureContext = createSecureContext({
      ca: ca ?? trustedCertificates(),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    });
    return { secureContext, ...(servername === undefined ? {} : { servername }) };
  } catch (cause) {
    const files = [tls.ca, tls.cert, tls.key].filter((path) => path !== undefined).join(", ");
    const why = quoted(cause instanceof Error ? cause.message : "");
    throw new SidestreamError("SST_DESTINATION_TLS", `these TLS files can't be used (${files}): ${why}`, { cause });
  }
}

async function read(name: string, path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readFile(path);
  } catch (cause) {
    throw new SidestreamError("SST_DESTINATION_TLS", `cannot read ${name}, the file ${path}: ${errorCodes(cause)[0] ?? "failed"}`, {
      cause,
    });
  }
}

const UNTRUSTED: ReadonlySet<string> = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "CERT_UNTRUSTED",
  "CERT_SIGNATURE_FAILURE",
  "INVALID_CA",
  "CERT_CHAIN_TOO_LONG",
]);

/** OpenSSL's names for what a broker says when it does not like our certificate, or that there is none. */
const REFUSED_OURS = /^ERR_SSL_.*ALERT.*(CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE|ACCESS_DENIED)/;

/**
 * What went wrong with TLS, in words; undefined when the failure is another one.
 *
 * @param tls - Undefined: this side spoke without TLS.
 * @param reached - The other side took the connection: it may have cut it because it wants TLS.
 */
export async function tlsFailure(
  cause: unknown,
  address: BrokerAddress,
  tls: KafkaTls | undefined,
  reached: boolean,
): Promise<SidestreamError | undefined> {
  const codes = errorCodes(cause);
  const failed = (text: string) => new SidestreamError("SST_DESTINATION_TLS", `broker ${brokerAddressText(address)}: ${text}`, { cause });
  if (tls === undefined) {
    // The client notices an answer in TLS, but not while it logs in.
    const speaksTls = codes.includes("PLT_KFK_USER") || (reached && !isTimeout(cause) && (await certificateOf(address, {})) !== "");
    return speaksTls ? failed("this port speaks TLS, and `tls` is off for this destination") : undefined;
  }
  if (
    codes.includes("PLT_KFK_USER") ||
    codes.includes("ERR_SSL_WRONG_VERSION_NUMBER") ||
    codes.includes("ERR_SSL_PACKET_LENGTH_TOO_LONG")
  ) {
    return failed("this port does not speak TLS, and `tls` is on for this destination");
  }
  const untrusted = codes.find((code) => UNTRUSTED.has(code));
  if (untrusted !== undefined) {
    const seen = await certificateOf(address, tls);
    const trusted = tls.ca === undefined ? "by any authority that this system trusts" : `by an authority in ${tls.ca}`;
    return failed(`its certificate${seen && ` (${who(seen)})`} is not signed ${trusted} (${untrusted})`);
  }
  if (codes.includes("CERT_HAS_EXPIRED") || codes.includes("CERT_NOT_YET_VALID")) {
    const seen = await certificateOf(address, tls);
    const when = codes.includes("CERT_HAS_EXPIRED") ? "has expired" : "is not valid yet";
    return failed(
      `its certificate, or one that it is signed by, ${when}${seen && `: ${who(seen)}, ${dates(seen.valid_from, seen.valid_to)}`}`,
    );
  }
  if (codes.includes("ERR_TLS_CERT_ALTNAME_INVALID")) {
    const names = alternativeNames(cause);
    return failed(`its certificate is for ${names}, not for ${tls.serverName ?? address.host}: see \`tls.serverName\``);
  }
  const ours = codes.find((code) => REFUSED_OURS.test(code));
  if (ours !== undefined) return failed(`the broker refused this side's certificate: ${await ourCertificate(tls)} (${ours})`);
  const other = codes.find((code) => code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_") || code === "EPROTO");
  return other === undefined ? undefined : failed(`the TLS handshake failed (${other})`);
}

const dates = (from: string, to: string) => `valid from ${from} to ${to}`;

function who({ subject, issuer }: PeerCertificate): string {
  return `for ${one(subject?.CN)}, signed by ${one(issuer?.CN)}`;
}

function one(name: string | string[] | undefined): string {
  return quoted(Array.isArray(name) ? name.join(" ") : (name ?? "?"));
}

function alternativeNames(cause: unknown): string {
  for (const error of errorChain(cause)) {
    if (!("cert" in error) || typeof error.cert !== "object" || error.cert === null) continue;
    const certificate = error.cert as Partial<PeerCertificate>;
    return quoted(certificate.subjectaltname ?? one(certificate.subject?.CN));
  }
  return "another name";
}

async function ourCertificate(tls: KafkaTls): Promise<string> {
  if (tls.cert === undefined) return "none was shown, see `tls.cert` and `tls.key`";
  try {
    const certificate = new X509Certificate(await readFile(tls.cert));
    return `${tls.cert}, ${dates(certificate.validFrom, certificate.validTo)}`;
  } catch {
    return tls.cert;
  }
}

/**
 * Looks at the certificate that a broker shows, on a connection of its own over which nothing is sent: on the one that
 * failed it is gone. An empty text when it can't be seen.
 */
async function certificateOf({ host, port }: BrokerAddress, tls: KafkaTls): Promise<PeerCertificate | ""> {
  const servername = tls.serverName ?? (isIP(host) === 0 ? host : undefined);
  const { promise, resolve } = Promise.withResolvers<PeerCertificate | "">();
  const socket = connect({
    host,
    port,
    timeout: LOOK_MS_MAX,
    rejectUnauthorized: false,
    ...(servername === undefined ? {} : { servername }),
  });
  const timer = setTimeout(() => socket.destroy(), LOOK_MS_MAX);
  socket.once("secureConnect", () => {
    const certificate = socket.getPeerCertificate();
    resolve(Object.keys(certificate).length === 0 ? "" : certificate);
    socket.destroy();
  });
  socket.on("timeout", () => socket.destroy());
  socket.on("error", () => socket.destroy());
  socket.once("close", () => {
    clearTimeout(timer);
    resolve("");
  });
  return await promise;
}
