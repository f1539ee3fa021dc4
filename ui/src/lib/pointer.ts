/** The string at a JSON pointer (RFC 6901), or `undefined` where there is none. */
export function stringAt(document: unknown, pointer: string): string | undefined {
  let value: unknown = document;
  if (pointer !== "") {
    if (!pointer.startsWith("/")) return undefined;
    for (const part of pointer.slice(1).split("/")) {
      const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
      if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
      value = (value as Record<string, unknown>)[name];
    }
  }
  return typeof value === "string" ? value : undefined;
}
