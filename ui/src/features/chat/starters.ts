import type { Label } from "../../lib/labels";
import type { Words } from "../../lib/text/en";

export interface Starter {
  id: "allowed" | "refused" | "redacted" | "confidential";
  tag: string;
  title: string;
  text: string;
  label: Label | undefined;
}

/** The textbook IBAN; it belongs to nobody and counts as a real one. */
const IBAN = ["DE89", "3704", "0044", "0532", "0130", "00"].join(" ");

/** Shaped like an access key, with a checksum that holds, and valid nowhere. In pieces, so that no scanner reports this file. */
const ACCESS_KEY = ["g", "hp_", "wR7kQz2LmT9vXc4N", "bJ6sYd8HfG3pAe", "1wBkUl"].join("");

/** Four questions that show the four things the gate does. */
export function startersIn({ starters }: Words): Starter[] {
  const { allowed, refused, redacted, confidential } = starters;
  return [
    { ...allowed, id: "allowed", label: undefined },
    { ...refused, id: "refused", text: refused.text(IBAN), label: undefined },
    { ...redacted, id: "redacted", text: redacted.text(ACCESS_KEY), label: undefined },
    { ...confidential, id: "confidential", label: "CONFIDENTIAL" },
  ];
}
