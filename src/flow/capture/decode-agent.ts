/** Reads one record of an agent's event, on the engine thread. */
import { QOS } from "../../driver/source.ts";
import { journalKey, type AgentEvent } from "../event.ts";
import { body, checkParts, type Reading } from "./decode-parts.ts";
import {
  AGENT,
  AGENT_FIXED_BYTES,
  FLAG_DURABLE,
  FLAG_FIRST_TRUNCATED,
  FLAG_REPEATED,
  FLAG_RESUMES,
  FLAG_WALLET,
  invalidHandover,
  readU53,
} from "./layout.ts";

const FLAGS_KNOWN = FLAG_DURABLE | FLAG_FIRST_TRUNCATED | FLAG_WALLET | FLAG_RESUMES | FLAG_REPEATED;

interface DecodedAgent {
  readonly id: string;
  /** In its journal; 0: it has none. */
  readonly position: number;
  readonly agent: AgentEvent;
}

/**
 * @param offset - Where the record begins.
 * @param bytes - Its length; nothing beyond is read.
 * @throws SidestreamError `SST_HANDOVER_INVALID`
 */
export function decodeAgent(reading: Reading, offset: number, bytes: number, flags: number, source: string): DecodedAgent {
  const { view } = reading;
  if (bytes < AGENT_FIXED_BYTES) throw invalidHandover("record", `${bytes} bytes are too few for an agent's event`);
  const lengthOf = (field: number): number => view.getUint32(offset + field, true);
  const texts = [AGENT.idBytes, AGENT.topicBytes, AGENT.walletBytes, AGENT.labelBytes, AGENT.agentBytes, AGENT.recordIdBytes].map(lengthOf);
  const payloadBytes = lengthOf(AGENT.payloadBytes);
  const textBytes = texts.reduce((sum, length) => sum + length, 0);
  checkParts(bytes, AGENT_FIXED_BYTES + textBytes + payloadBytes, flags, FLAGS_KNOWN);
  let at = offset + AGENT_FIXED_BYTES;
  const [id = "", topic = "", wallet = "", label = "", agent = "", recordId = ""] = texts.map((length) =>
    reading.bytes.toString("utf8", at, (at += length)),
  );
  const hasWallet = (flags & FLAG_WALLET) !== 0;
  if (!hasWallet && wallet !== "") throw invalidHandover("wallet", "has bytes but is marked as absent");
  const position = readU53(view, offset + AGENT.position);
  const qos = readQos(view, offset);
  if (Number.isNaN(position)) throw invalidHandover("position", "is beyond 2^53");
  const places = (flags & (FLAG_RESUMES | FLAG_REPEATED)) !== 0;
  if (position === 0 && places) throw invalidHandover("position", "is missing from a record that is marked as read again");
  return {
    id,
    position,
    agent: {
      topic,
      wallet: hasWallet ? wallet : null,
      payload: body(reading, at, payloadBytes, readU53(view, offset + AGENT.payloadSizeBytes), (flags & FLAG_FIRST_TRUNCATED) !== 0),
      ...(label === "" ? {} : { label }),
      ...(agent === "" ? {} : { agent }),
      ...(recordId === "" ? {} : { recordId }),
      ...(qos === null ? {} : { qos }),
      ...(position === 0
        ? {}
        : {
            journal: {
              key: journalKey(source, id),
              resumes: (flags & FLAG_RESUMES) !== 0,
              isRepeated: (flags & FLAG_REPEATED) !== 0,
            },
          }),
    },
  };
}

function readQos(view: DataView, offset: number): (typeof QOS)[number] | null {
  const code = view.getUint8(offset + AGENT.qos);
  const zeros = view.getUint8(offset + AGENT.zero) + view.getUint16(offset + AGENT.zero + 1, true);
  if (code === 0 && zeros === 0) return null;
  const qos = QOS[code - 1];
  if (qos === undefined || zeros !== 0) throw invalidHandover("qos", "is not known");
  return qos;
}
