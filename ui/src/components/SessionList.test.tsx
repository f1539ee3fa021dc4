import { expect, it } from "vitest";
import { deviceOf } from "./SessionList";

it("a browser is called as people call it", () => {
  const check = (agent: string, expected: string) => expect(deviceOf(agent)).toBe(expected);
  check("Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0", "Firefox, Linux");
  check("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0 Safari/537.36 Edg/150.0", "Edge, Windows");
  check("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/150.0 Safari/537.36", "Chrome, Linux");
  check("Mozilla/5.0 (iPhone; CPU iPhone OS 20_0 like Mac OS X) AppleWebKit/605 (KHTML, like Gecko) Version/20.0 Mobile Safari/604", "Safari, iPhone");
  check("Mozilla/5.0 (Macintosh; Intel Mac OS X 15_0) AppleWebKit/605 (KHTML, like Gecko) Version/20.0 Safari/605", "Safari, macOS");
  check("curl/8.9", "curl/8.9");
  check("", "");
});
