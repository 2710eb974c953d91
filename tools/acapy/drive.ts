/** What happens between two tenants, of one agent or of two: connections, messages, a credential. Each settles when it's done. */
import { Tenant } from "./tenant.ts";

/** One agent does 60 to 80 messages a second; more at once only wait. */
const AT_ONCE = 8;

/** A connection has an id on either side. */
export interface Connection {
  readonly inviter: string;
  readonly invitee: string;
}

interface ConnectionRecord {
  readonly connection_id: string;
  readonly state: string;
}

/** Connects two tenants, by an invitation of the first. Both sides are active when it settles. */
export async function connect(inviter: Tenant, invitee: Tenant): Promise<Connection> {
  const { invitation, invi_msg_id: invitationId } = await inviter.admin.post<{
    readonly invitation: unknown;
    readonly invi_msg_id: string;
  }>("/out-of-band/create-invitation?auto_accept=true", { handshake_protocols: ["https://didcomm.org/didexchange/1.1"] });
  const { connection_id: inviteeId } = await invitee.admin.post<{ readonly connection_id: string }>(
    "/out-of-band/receive-invitation?auto_accept=true",
    invitation,
  );
  const isActive = ({ state }: ConnectionRecord): boolean => state === "active";
  await invitee.until(`/connections/${inviteeId}`, "be active", isActive);
  const { results } = await inviter.until<{ readonly results: readonly ConnectionRecord[] }>(
    `/connections?invitation_msg_id=${invitationId}`,
    "be active",
    ({ results }) => results.some(isActive),
  );
  return { inviter: results[0]?.connection_id ?? "", invitee: inviteeId };
}

/** Does something so many times, a few at once, and settles when all are done. After a failure no more are begun. */
export async function many(count: number, act: (index: number) => Promise<unknown>, atOnce: number = AT_ONCE): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      await act(next++).catch((problem: unknown) => {
        next = count;
        throw problem;
      });
    }
  };
  for (const outcome of await Promise.allSettled(Array.from({ length: atOnce }, worker))) {
    if (outcome.status === "rejected") throw outcome.reason;
  }
}

/** The only context that the agent needs not fetch. It knows no attributes of a person, so that the credential has none. */
const CREDENTIAL_CONTEXT = "https://www.w3.org/2018/credentials/v1";
const RECORDS = "/issue-credential-2.0/records";

interface ExchangeRecord {
  readonly cred_ex_id: string;
  readonly thread_id: string;
  readonly state: string;
}

interface ExchangeAnswer {
  readonly cred_ex_record: ExchangeRecord;
}

/** Ids of the exchange on either side. */
export interface CredentialExchange {
  readonly issuer: string;
  readonly holder: string;
}

/** Issues a JSON-LD credential over a connection, step by step, until both sides are done with it. */
export async function issueCredential(
  issuer: Tenant,
  issuerConnectionId: string,
  holder: Tenant,
  holderConnectionId: string,
): Promise<CredentialExchange> {
  const issuerDid = await createDid(issuer);
  const holderDid = await createDid(holder);
  const credential = {
    "@context": [CREDENTIAL_CONTEXT],
    type: ["VerifiableCredential"],
    issuer: issuerDid,
    issuanceDate: "2026-01-01T00:00:00Z",
    credentialSubject: { id: holderDid },
  };
  const { cred_ex_id: issuerId, thread_id: threadId } = await issuer.admin.post<ExchangeRecord>("/issue-credential-2.0/send-offer", {
    connection_id: issuerConnectionId,
    auto_issue: true,
    filter: { ld_proof: { credential, options: { proofType: "Ed25519Signature2018" } } },
  });
  const { results } = await holder.until<{ readonly results: readonly ExchangeAnswer[] }>(
    `${RECORDS}?thread_id=${threadId}&connection_id=${holderConnectionId}`,
    "have the offer",
    ({ results }) => results.some(isIn("offer-received")),
  );
  const holderId = results[0]?.cred_ex_record.cred_ex_id ?? "";
  await holder.admin.post(`${RECORDS}/${holderId}/send-request`, { holder_did: holderDid });
  await holder.until(`${RECORDS}/${holderId}`, "have the credential", isIn("credential-received"));
  await holder.admin.post(`${RECORDS}/${holderId}/store`);
  await holder.until(`${RECORDS}/${holderId}`, "be done", isIn("done"));
  await issuer.until(`${RECORDS}/${issuerId}`, "be done", isIn("done"));
  return { issuer: issuerId, holder: holderId };
}

function isIn(state: string): (answer: ExchangeAnswer) => boolean {
  return ({ cred_ex_record: record }) => record.state === state;
}

async function createDid(tenant: Tenant): Promise<string> {
  const { result } = await tenant.admin.post<{ readonly result: { readonly did: string } }>("/wallet/did/create", {
    method: "key",
    options: { key_type: "ed25519" },
  });
  return result.did;
}
