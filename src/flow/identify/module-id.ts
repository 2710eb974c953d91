/** Ids of modules: `mod-users-19.6.0` is version 19.6.0 of `mod-users`. */

export interface ModuleId {
  readonly name: string;
  /** Null where the id has none. */
  readonly version: string | null;
}

/** Splits at the first `-` that a digit follows, as Okapi does. */
export function splitModuleId(id: string): ModuleId {
  const at = id.search(/-[0-9]/);
  return at < 0 ? { name: id, version: null } : { name: id.slice(0, at), version: id.slice(at + 1) };
}
