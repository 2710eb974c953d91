/** The keys that a schema knows at a place, for did-you-mean and for the reference page. */
import type { z } from "zod";

type Schema = z.core.$ZodType;

/** Takes off what wraps a schema without changing which keys it has. */
export function unwrap(schema: Schema): Schema {
  let current = schema as z.core.$ZodTypes;
  for (;;) {
    const { def } = current._zod;
    if ("innerType" in def) current = def.innerType as z.core.$ZodTypes;
    else if (def.type === "pipe") current = def.in as z.core.$ZodTypes;
    else if (def.type === "lazy") current = def.getter() as z.core.$ZodTypes;
    else return current;
  }
}

/** Keys of the object that a schema describes at a path; of every form, where it may have several. */
export function keysAt(schema: Schema, path: readonly PropertyKey[]): readonly string[] {
  let forms = alternatives(schema);
  for (const step of path) forms = forms.flatMap((form) => below(form, step)).flatMap(alternatives);
  return [...new Set(forms.flatMap((form) => Object.keys(shapeOf(form) ?? {})))];
}

/** The members of an object schema; undefined for any other. */
export function shapeOf(schema: Schema): Readonly<Record<string, Schema>> | undefined {
  const { def } = unwrap(schema)._zod as z.core.$ZodTypes["_zod"];
  return def.type === "object" ? def.shape : undefined;
}

function alternatives(schema: Schema): readonly Schema[] {
  const plain = unwrap(schema) as z.core.$ZodTypes;
  const { def } = plain._zod;
  return def.type === "union" ? def.options.flatMap(alternatives) : [plain];
}

function below(schema: Schema, step: PropertyKey): readonly Schema[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  if (def.type === "array") return [def.element];
  if (def.type === "record") return [def.valueType];
  const member = def.type === "object" && typeof step === "string" && Object.hasOwn(def.shape, step) ? def.shape[step] : undefined;
  return member === undefined ? [] : [member];
}
