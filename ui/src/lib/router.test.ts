import { expect, it } from "vitest";
import { localAddress } from "./router";

it("only an address of this page is returned to", () => {
  const check = (written: string | null, expected: string) => expect(localAddress(written)).toBe(expected);
  check("/chat/con_1?x=1", "/chat/con_1?x=1");
  check("/", "/");
  check(null, "/");
  check("chat", "/");
  check("//elsewhere.invalid/", "/");
  check("/\\elsewhere.invalid/", "/");
  check("/a\\b", "/");
  check("/\t/elsewhere.invalid", "/");
  check("https://elsewhere.invalid/", "/");
  check("javascript:alert(1)", "/");
  check("/sign-in?return=/sign-in", "/");
});
