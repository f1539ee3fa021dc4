import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { checkpointOf, proofFileOf, rootOf } from "./merkle";

// The tree and its proofs as RFC 9162, section 2.1, defines them: from the top down, while the code walks from the bottom up.
const sha = (...parts: Uint8Array[]) => createHash("sha256").update(Buffer.concat(parts)).digest();
const entries = (size: number) => Array.from({ length: size }, (_, index) => Buffer.from(`entry ${index}`));
const leaf = (entry: Uint8Array) => sha(Buffer.from([0]), entry);
const cut = (size: number) => 2 ** Math.floor(Math.log2(size - 1));

function rootFrom(leaves: Uint8Array[]): Uint8Array {
  const [only] = leaves;
  if (leaves.length === 1 && only) return only;
  const k = cut(leaves.length);
  return sha(Buffer.from([1]), rootFrom(leaves.slice(0, k)), rootFrom(leaves.slice(k)));
}

function pathFrom(leaves: Uint8Array[], index: number): Uint8Array[] {
  if (leaves.length === 1) return [];
  const k = cut(leaves.length);
  return index < k
    ? [...pathFrom(leaves.slice(0, k), index), rootFrom(leaves.slice(k))]
    : [...pathFrom(leaves.slice(k), index - k), rootFrom(leaves.slice(0, k))];
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

describe("an inclusion proof", () => {
  it("leads to the root, for every entry of every small tree", async () => {
    for (const size of [1, 2, 3, 5, 8, 13, 16]) {
      const leaves = entries(size).map(leaf);
      for (const [index, entry] of entries(size).entries()) {
        const proof = pathFrom(leaves, index).map(base64);
        // oxlint-disable-next-line no-await-in-loop
        expect(await rootOf(base64(entry), index, size, proof), `${index} of ${size}`).toBe(base64(rootFrom(leaves)));
      }
    }
  });

  it("leads elsewhere with another entry, place, order or length", async () => {
    const all = entries(11);
    const leaves = all.map(leaf);
    const proof = pathFrom(leaves, 4).map(base64);
    const root = base64(rootFrom(leaves));
    const check = async (entry: Uint8Array, index: number, size: number, path: string[]) => expect(await rootOf(base64(entry), index, size, path)).not.toBe(root);
    await check(Buffer.from("entry 5"), 4, 11, proof);
    await check(Buffer.from("entry 4"), 5, 11, proof);
    await check(Buffer.from("entry 4"), 4, 11, proof.toReversed());
    await check(Buffer.from("entry 4"), 4, 11, proof.slice(1));
    await check(Buffer.from("entry 4"), 4, 11, [...proof, root]);
    await check(Buffer.from("entry 4"), 11, 11, proof);
    await check(Buffer.from("entry 4"), -1, 11, proof);
  });
});

it("a checkpoint names its size and root", () => {
  expect(checkpointOf("origin\n12\nabc=\n\n— origin sig\n")).toEqual({ size: 12, root: "abc=" });
  expect(checkpointOf("origin\nmany\nabc=\n")).toBeUndefined();
  expect(checkpointOf("")).toBeUndefined();
});

it("a proof becomes a file of lines, with the checkpoint behind an empty one", () => {
  const checkpoint = "origin\n2\nabc=\n\n— origin sig\n";
  expect(proofFileOf({ entry: "eyJ2IjoxfQ==", index: 1, proof: ["aaa="], checkpoint })).toBe(
    `c2sp.org/tlog-proof@v1\nextra eyJ2IjoxfQ==\nindex 1\naaa=\n\n${checkpoint}`,
  );
});
