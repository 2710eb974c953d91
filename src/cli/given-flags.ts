/** Flags of a command as they were given, to be given to a shell again. */

export function givenFlags<Name extends string>(flags: Readonly<Partial<Record<Name, string>>>, names: readonly Name[]): readonly string[] {
  return names.flatMap((name) => {
    const value = flags[name];
    return value === undefined ? [] : [`--${name} ${quoted(value)}`];
  });
}

/** For a shell. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
