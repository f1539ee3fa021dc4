import { expect, it } from "vitest";
import { stringAt } from "./pointer";

function check(pointer: string, expected: string | undefined) {
  const document = { messages: [{ content: "one" }, { content: [{ text: "two" }] }], "a/b~c": "three", n: 1 };
  expect(stringAt(document, pointer)).toBe(expected);
}

it("a pointer leads to a string or to nothing", () => {
  check("/messages/0/content", "one");
  check("/messages/1/content/0/text", "two");
  check("/a~1b~0c", "three");
  check("/n", undefined);
  check("/messages/9/content", undefined);
  check("messages", undefined);
  check("/constructor/name", undefined);
  check("", undefined);
  expect(stringAt("bare", "")).toBe("bare");
});
