/** What is said where somebody names a destination that the configuration doesn't have. */
import { SidestreamError } from "../errors.ts";
import { didYouMean } from "./match/suggest.ts";

export function unknownDestination(name: string, configured: readonly string[]): SidestreamError {
  return new SidestreamError("SST_COMMAND_INVALID", `no destination is named "${name}"${didYouMean(name, configured)}`);
}
