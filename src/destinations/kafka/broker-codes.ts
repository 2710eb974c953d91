/**
 * Kafka's numeric error codes, and what each means for a message that waits.
 *
 * Rule: only what is wrong with a topic's name or with a batch itself may end a message; all else waits, since it can
 * be mended at the cluster. A code that isn't listed is taken as "may or may not have been written": the lane then asks
 * what the broker has before it goes on.
 * @see https://kafka.apache.org/protocol.html#protocol_error_codes
 */
import type { ErrorCode } from "../../errors.ts";

interface BrokerCode {
  readonly name: string;
  readonly error: ErrorCode;
  readonly means: string;
}

const unavailable = "SST_LANE_UNAVAILABLE";
const numbers = "SST_NUMBERS_REFUSED";
const forbidden = "SST_DESTINATION_FORBIDDEN";
const login = "SST_DESTINATION_LOGIN";
const refused = "SST_BATCH_REFUSED";
const missing = "SST_TOPIC_MISSING";

const TABLE: readonly (readonly [code: number, name: string, error: ErrorCode, means: string])[] = [
  [-1, "UNKNOWN_SERVER_ERROR", "SST_DESTINATION_UNSURE", "the broker met an error that it doesn't explain: see its log"],
  // A checksum that fails was harmed on its way: sending again is right. Where it is not, the lane stops and nothing is lost.
  [2, "CORRUPT_MESSAGE", "SST_DESTINATION_UNSURE", "the batch arrived damaged"],
  [3, "UNKNOWN_TOPIC_OR_PARTITION", missing, "the topic or partition does not exist"],
  [5, "LEADER_NOT_AVAILABLE", unavailable, "the partition has no leader at the moment"],
  [6, "NOT_LEADER_OR_FOLLOWER", unavailable, "the partition's leader has moved to another broker"],
  // The leader has it and the copies are late: what became of it is asked.
  [7, "REQUEST_TIMED_OUT", "SST_DESTINATION_UNSURE", "the broker did not finish the request in time"],
  [8, "BROKER_NOT_AVAILABLE", unavailable, "the broker is not available"],
  [9, "REPLICA_NOT_AVAILABLE", unavailable, "the partition has no replica there at the moment"],
  [10, "MESSAGE_TOO_LARGE", refused, "the batch is larger than the topic's max.message.bytes"],
  [13, "NETWORK_EXCEPTION", "SST_DESTINATION_UNSURE", "the broker was cut off from others"],
  [14, "COORDINATOR_LOAD_IN_PROGRESS", unavailable, "the coordinator is still loading"],
  [15, "COORDINATOR_NOT_AVAILABLE", unavailable, "no coordinator is available"],
  [16, "NOT_COORDINATOR", unavailable, "the coordinator has moved to another broker"],
  [17, "INVALID_TOPIC_EXCEPTION", "SST_TOPIC_INVALID", "Kafka can't have a topic of this name"],
  [18, "RECORD_LIST_TOO_LARGE", refused, "the batch is larger than the broker's segment size"],
  [19, "NOT_ENOUGH_REPLICAS", unavailable, "fewer replicas are in sync than min.insync.replicas asks"],
  [20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", unavailable, "written by the leader, but too few replicas took it"],
  [29, "TOPIC_AUTHORIZATION_FAILED", forbidden, "this user lacks the right on the topic"],
  [30, "GROUP_AUTHORIZATION_FAILED", forbidden, "this user lacks the right on the group"],
  [31, "CLUSTER_AUTHORIZATION_FAILED", forbidden, "this user lacks the right on the cluster"],
  // Records carry the time of sending, so it is a clock that is wrong, not the message.
  [32, "INVALID_TIMESTAMP", unavailable, "the clocks of this machine and the broker differ by more than the topic allows"],
  [33, "UNSUPPORTED_SASL_MECHANISM", login, "the broker does not offer this login mechanism"],
  [34, "ILLEGAL_SASL_STATE", login, "the broker's port does not take a login: leave `login` out, or use its SASL port"],
  // Versions are agreed on anew with each connection; an answer like this follows a broker's downgrade.
  [35, "UNSUPPORTED_VERSION", "SST_DESTINATION_UNREACHABLE", "the broker's version changed under the connection"],
  [37, "INVALID_PARTITIONS", missing, "the number of partitions is not possible: see `createTopics`"],
  [38, "INVALID_REPLICATION_FACTOR", missing, "there are fewer brokers than the replication factor asks: see `createTopics`"],
  [39, "INVALID_REPLICA_ASSIGNMENT", missing, "the replica assignment is not possible"],
  [40, "INVALID_CONFIG", missing, "a topic setting is not possible: see `createTopics.settings`"],
  [41, "NOT_CONTROLLER", unavailable, "the controller has moved to another broker"],
  [42, "INVALID_REQUEST", "SST_DESTINATION_UNSURE", "the broker did not understand the request: see its log"],
  [43, "UNSUPPORTED_FOR_MESSAGE_FORMAT", unavailable, "the topic keeps an old message format: raise its message.format.version"],
  [44, "POLICY_VIOLATION", forbidden, "a policy of the cluster forbids it"],
  [45, "OUT_OF_ORDER_SEQUENCE_NUMBER", numbers, "the broker expects another sequence number"],
  [46, "DUPLICATE_SEQUENCE_NUMBER", numbers, "the broker has this sequence number already"],
  [47, "INVALID_PRODUCER_EPOCH", numbers, "the broker knows a newer epoch of this producer"],
  [49, "INVALID_PRODUCER_ID_MAPPING", numbers, "the broker knows this producer by another id"],
  [53, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", forbidden, "this user lacks the right on the transactional id"],
  [54, "SECURITY_DISABLED", forbidden, "the cluster has no authorizer"],
  [56, "KAFKA_STORAGE_ERROR", unavailable, "the broker's disk has failed"],
  [58, "SASL_AUTHENTICATION_FAILED", login, "the broker refused the login"],
  [59, "UNKNOWN_PRODUCER_ID", numbers, "the broker knows nothing of this producer any more"],
  [61, "DELEGATION_TOKEN_AUTH_DISABLED", login, "the cluster has no delegation tokens"],
  [65, "DELEGATION_TOKEN_AUTHORIZATION_FAILED", forbidden, "this user lacks the right on the token"],
  [66, "DELEGATION_TOKEN_EXPIRED", login, "the delegation token has expired"],
  [72, "LISTENER_NOT_FOUND", unavailable, "the leader has no such listener"],
  [74, "FENCED_LEADER_EPOCH", unavailable, "the partition's leader has changed"],
  [75, "UNKNOWN_LEADER_EPOCH", unavailable, "the broker does not know the partition's newest leader yet"],
  [76, "UNSUPPORTED_COMPRESSION_TYPE", unavailable, "the topic can't hold this compression: choose another `compression`"],
  [78, "OFFSET_NOT_AVAILABLE", unavailable, "the leader is new and does not know its position yet"],
  [83, "ELIGIBLE_LEADERS_NOT_AVAILABLE", unavailable, "no replica may become leader"],
  [87, "INVALID_RECORD", refused, "the broker found a record of the batch invalid (a compacted topic needs keys)"],
  [89, "THROTTLING_QUOTA_EXCEEDED", "SST_DESTINATION_BUSY", "the quota of this user or client is used up"],
  [90, "PRODUCER_FENCED", numbers, "another producer took over this identity"],
  [100, "UNKNOWN_TOPIC_ID", missing, "the topic was deleted or made anew"],
  [103, "INCONSISTENT_TOPIC_ID", missing, "the topic was made anew"],
];

const BY_CODE: ReadonlyMap<number, BrokerCode> = new Map(TABLE.map(([code, name, error, means]) => [code, { name, error, means }]));

/** What a code of Kafka means. */
export function brokerCode(code: number): BrokerCode {
  return BY_CODE.get(code) ?? { name: `error ${code}`, error: "SST_DESTINATION_UNSURE", means: "the broker answered with an error" };
}
