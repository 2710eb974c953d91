/** Writes schemas/data.schema.json anew: `node schemas/write-data-schema.ts`. A test fails when it is stale. */
import { writeFileSync } from "node:fs";
import { dataJsonSchema } from "../src/flow/message/data-schema.ts";

writeFileSync(new URL("data.schema.json", import.meta.url), `${JSON.stringify(dataJsonSchema(), null, 2)}\n`);
