/**
 * Bugs that a search must find: each is a change of one place of the program, made while it is loaded and nowhere else.
 */

export interface PlantedBug {
  readonly name: string;
  /** What the program does then. */
  readonly what: string;
  /** From the source folder. */
  readonly file: string;
  /** Each text stands in the file exactly once. */
  readonly changes: readonly { readonly find: string; readonly replace: string }[];
  /** Where it is looked for. */
  readonly families: readonly string[];
}

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: "no-fdatasync",
    what: "a batch is never synced",
    file: "flow/spool/segment-writer.ts",
    changes: [{ find: "await file.writeSynced(bytes, offset);", replace: "await file.write(bytes, offset);" }],
    families: ["short"],
  },
  {
    name: "no-directory-fsync",
    what: "the name of a new segment is never synced",
    file: "flow/spool/segment-writer.ts",
    changes: [{ find: "      await disk.syncFolder(folder);\n", replace: "" }],
    families: ["short"],
  },
  {
    name: "unsalted-recycling",
    what: "every use of a file has the same salt, so that what an earlier one left passes for its own",
    file: "flow/spool/segment.ts",
    changes: [{ find: "    salt: randomInt(1, 0x1_0000_0000),\n", replace: "    salt: 1 + (randomInt(1, 2) - 1),\n" }],
    families: ["short"],
  },
  {
    name: "acknowledge-before-sync",
    what: "whoever waits for a batch is told once it is written",
    file: "flow/spool/segment-writer.ts",
    changes: [
      {
        find: "    await this.#writeSynced(file, batch.encode(this.durableSequence, Date.now()), batch.segment.bytes);\n",
        replace:
          "    const bytes = batch.encode(this.durableSequence, Date.now());\n    await file.write(bytes, batch.segment.bytes);\n    batch.settled.resolve();\n    await this.#writeSynced(file, bytes, batch.segment.bytes);\n",
      },
    ],
    families: ["short"],
  },
  {
    name: "single-cursor-slot",
    what: "the cursor is written over itself",
    file: "flow/spool/cursor.ts",
    changes: [{ find: "this.#files[this.#nextSlot] as DiskFile", replace: "this.#files[0] as DiskFile" }],
    families: ["short"],
  },
  {
    name: "progress-not-taken-back",
    what: "how far a source was read counts messages that could not be written",
    file: "flow/spool/log-books.ts",
    changes: [{ find: "    this.progress.rollBack();\n", replace: "" }],
    families: ["fault"],
  },
  {
    name: "progress-forgotten",
    what: "a new segment begins without how far a source was read",
    file: "flow/spool/log-books.ts",
    changes: [
      { find: "accepted: this.accepted.table(), ...this.progress.record() }", replace: "accepted: this.accepted.table(), progress: {} }" },
    ],
    families: ["short"],
  },
  {
    name: "progress-without-its-last",
    what: "it isn't written down which messages of a source's last event are there",
    file: "flow/spool/source-progress.ts",
    changes: [{ find: "      begun[key] = made.slice(0, count);\n", replace: "" }],
    families: ["short"],
  },
  {
    name: "progress-of-what-is-read",
    what: "messages that a start finds tell nothing of how far their source was read",
    file: "flow/spool/recovered-state.ts",
    changes: [{ find: "    this.#progress.found(message);\n", replace: "" }],
    families: ["short"],
  },
  {
    name: "cursor-before-acknowledgement",
    what: "a batch counts as delivered before the destination answered",
    file: "flow/transmit/lane.ts",
    changes: [
      {
        find: "    const { outcomes, position, misbehaved } = await this.#sender.send(opened, batch);\n",
        replace:
          '    await this.#host.log.confirm(batch.map((message) => ({ ...message, lane: this.name, outcome: "delivered", reason: null })));\n    const { outcomes, position, misbehaved } = await this.#sender.send(opened, batch);\n',
      },
    ],
    families: ["dispatch"],
  },
  {
    name: "unchecked-crc",
    what: "a frame is taken without a look at the checksum of its payload",
    file: "flow/spool/chunk-walk.ts",
    changes: [{ find: '    if (crc32(payload, this.#salt) !== header.payloadCrc) return "bad";\n', replace: "" }],
    families: ["short", "damage"],
  },
  {
    name: "truncate-always",
    what: "a start cuts the log at the first hole, whatever comes after it",
    file: "flow/spool/recovery.ts",
    changes: [{ find: "walk.holes.find((hole) => hole.sequence >= walk.durableSequence)", replace: "walk.holes.find(() => true)" }],
    families: ["damage"],
  },
  {
    name: "summary-without-checksum",
    what: "a summary is taken without a look at its checksums",
    file: "flow/spool/segment.ts",
    changes: [
      { find: " || trailer.readUInt32LE(28) !== crc32(trailer.subarray(0, 28), salt)", replace: "" },
      {
        find: '  return frame?.type === FRAME_TYPES.summary ? (JSON.parse(frame.payload.toString("utf8")) as SegmentSummary) : null;\n',
        replace: `  const unchecked = Buffer.alloc(fileBytes);
  await file.read(unchecked, 0);
  const at = trailer.readDoubleLE(8) + BATCH_HEADER_BYTES;
  void frame;
  return JSON.parse(unchecked.toString("utf8", at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + unchecked.readUInt32LE(at))) as SegmentSummary;
`,
      },
    ],
    families: ["damage"],
  },
];
