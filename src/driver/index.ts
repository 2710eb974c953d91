/** The public entry for those who write drivers: `import { defineDestination } from "sidestream/driver"`. */
export {
  defineDestination,
  isNumbered,
  MEMORY_VALUE_BYTES_MAX,
  type DestinationConnection,
  type DestinationContext,
  type DestinationDriver,
  type DestinationIdentity,
  type DestinationMemory,
  type DestinationPromises,
  type LanePosition,
  type LaneRecovery,
  type MemoryChanges,
  type NumberedBatch,
  type NumberedConnection,
  type NumberedReceipt,
  type OutgoingMessage,
  type PlainConnection,
  type SendOutcome,
  type StoredMessage,
  type TopicPage,
} from "./destination.ts";
export {
  defineSource,
  OUTCOMES,
  type AgentRecord,
  type CapturePort,
  type CaptureRecord,
  type LossReason,
  type Outcome,
  type RecordBody,
  type Reservation,
  type Settlement,
  type SourceConnection,
  type SourceContext,
  type SourceDriver,
  type TransactionRecord,
} from "./source.ts";
export { destinationTypes, registerDestination, registerSource, sourceTypes } from "./registry.ts";
export { destinationContract } from "./contract/destination-contract.ts";
export { destinationCases, type ContractCase } from "./contract/cases.ts";
export type { DestinationHarness, ReceivedMessage } from "./contract/harness.ts";
export { ERRORS, isSidestreamError, SidestreamError, type ErrorCode, type Retry } from "../errors.ts";
