import { useLanguage } from "../lib/language";
import type { Finding } from "../lib/refusal";
import { cutAtMarks, spanOfBytes } from "../lib/spans";

interface Props {
  text: string;
  findings: Finding[];
  /** How many characters around a mark are shown; everything if left out. */
  around?: number;
}

/** A person's own text with its findings marked: by colour, underline and the written name of what was found. */
export function MarkedText({ text, findings, around }: Props) {
  const { words } = useLanguage();
  const marks = findings.flatMap((finding) => {
    const span = spanOfBytes(text, finding.start, finding.end);
    return span ? [{ ...span, type: finding.type }] : [];
  });
  const pieces = cutAtMarks(text, marks);
  return (
    <>
      {pieces.map((piece, index) => {
        const names = [...new Set(piece.marks.map(({ type }) => words.findings[type] ?? type))].join(", ");
        if (names === "") {
          const first = index === 0;
          const last = index === pieces.length - 1;
          return <span key={index}>{around === undefined ? piece.text : shorten(piece.text, around, first, last)}</span>;
        }
        return (
          <span key={index}>
            <mark className="rounded-sm bg-mark px-0.5 font-semibold text-ink underline decoration-stop decoration-2 underline-offset-4">
              {piece.text}
            </mark>
            <span className="ml-1 inline-block rounded bg-stop-tint px-1.5 text-xs font-semibold text-stop">{names}</span>
          </span>
        );
      })}
    </>
  );
}

function shorten(text: string, around: number, first: boolean, last: boolean): string {
  const characters = [...text];
  if (characters.length <= (first || last ? around : 2 * around)) return text;
  if (first) return `…${characters.slice(-around).join("")}`;
  if (last) return `${characters.slice(0, around).join("")}…`;
  return `${characters.slice(0, around).join("")} … ${characters.slice(-around).join("")}`;
}
