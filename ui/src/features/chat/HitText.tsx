import { cutAtMarks } from "../../lib/spans";
import type { Hit } from "./store";

/** An excerpt with what was looked for marked in it. */
export function HitText({ hit }: { hit: Hit }) {
  const marks = hit.marks.filter(({ start, end }) => start >= 0 && end > start && start < hit.text.length);
  return (
    <>
      {cutAtMarks(hit.text, marks).map((piece, index) =>
        piece.marks.length > 0 ? (
          <mark key={index} className="rounded-sm bg-tint font-semibold text-ink underline decoration-accent underline-offset-2">
            {piece.text}
          </mark>
        ) : (
          <span key={index}>{piece.text}</span>
        ),
      )}
    </>
  );
}
