/**
 * The root to which an inclusion proof leads (RFC 9162, section 2.1.3.2), in base64; `undefined` where the proof has the
 * wrong shape. Everything is computed here from the entry's own bytes.
 */
export async function rootOf(entry: string, index: number, size: number, proof: string[]): Promise<string | undefined> {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return undefined;
  const path = proof.map(bytesOf);
  // Big integers, because a log may have more than 2^31 entries and shifts of numbers end there.
  let node = BigInt(index);
  let last = BigInt(size) - 1n;
  let hash = await digest([0], bytesOf(entry));
  for (const sibling of path) {
    if (last === 0n) return undefined;
    if ((node & 1n) === 1n || node === last) {
      hash = await digest([1], sibling, hash);
      while ((node & 1n) === 0n && node !== 0n) {
        node >>= 1n;
        last >>= 1n;
      }
    } else {
      hash = await digest([1], hash, sibling);
    }
    node >>= 1n;
    last >>= 1n;
  }
  return last === 0n ? base64Of(hash) : undefined;
}

/** The proof as a file that speaks for itself, with the entry in it (C2SP tlog-proof). */
export function proofFileOf({ entry, index, proof, checkpoint }: { entry: string; index: number; proof: string[]; checkpoint: string }): string {
  return ["c2sp.org/tlog-proof@v1", `extra ${entry}`, `index ${index}`, ...proof, "", checkpoint].join("\n");
}

/** Size and root that a signed note names: its second and third line (C2SP tlog-checkpoint). */
export function checkpointOf(note: string): { size: number; root: string } | undefined {
  const [, size = "", root = ""] = note.split("\n");
  return /^\d+$/u.test(size) && root !== "" ? { size: Number(size), root } : undefined;
}

async function digest(...parts: (Uint8Array | number[])[]): Promise<Uint8Array> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
}

function bytesOf(base64: string): Uint8Array {
  const standard = base64.replaceAll("-", "+").replaceAll("_", "/");
  return Uint8Array.from(atob(standard), (character) => character.codePointAt(0) ?? 0);
}

function base64Of(bytes: Uint8Array): string {
  return btoa(String.fromCodePoint(...bytes));
}
