import { memo, type RefObject, useLayoutEffect, useRef } from "react";
import { cutAtMarks } from "../../lib/spans";
import type { PlaceFound } from "./composing";

/** More marks are not drawn; the list names all of them. */
const MOST = 300;

interface Props {
  field: RefObject<HTMLTextAreaElement | null>;
  text: string;
  places: PlaceFound[];
}

/**
 * Marks under the words of a field: the same text once more, unseen, behind it, in which only the ground of what was found has a colour.
 * It is as wide as the field, breaks as the field does and scrolls with it; readers of the screen have the list instead.
 */
export const MarkLayer = memo(function MarkLayer({ field, text, places }: Props) {
  const layer = useRef<HTMLDivElement>(null);

  useLayoutEffect(() => {
    const element = field.current;
    if (!element) return undefined;
    const follow = () => {
      if (layer.current) layer.current.scrollTop = element.scrollTop;
    };
    follow();
    element.addEventListener("scroll", follow, { passive: true });
    return () => element.removeEventListener("scroll", follow);
  }, [field, text, places]);

  const marks = places.slice(0, MOST).map(({ found, masked }) => ({ start: found.start, end: found.end, look: lookOf(found.action, masked) }));
  return (
    <div ref={layer} aria-hidden="true" data-mark-layer className="mark-layer">
      {cutAtMarks(text, marks).map(({ text: piece, marks: [mark] }, index) =>
        mark ? (
          <span key={index} data-marked={mark.look}>
            {piece}
          </span>
        ) : (
          <span key={index}>{piece}</span>
        ),
      )}
      {/* A last empty line has a height only when something stands in it. */}
      {text.endsWith("\n") ? "\u200b" : null}
    </div>
  );
});

function lookOf(action: string, masked: boolean): "masked" | "stop" | "care" {
  if (masked) return "masked";
  return action === "BLOCK" ? "stop" : "care";
}
