import { memo, useCallback, useEffect, useRef, useState } from "react";
import { ArtifactTexts } from "../../components/ArtifactTexts";
import type { Turn } from "./tree";
import { type TurnActions, TurnView } from "./TurnView";

/** So many turns are there at once; those above follow while nothing else is to be done. */
const AT_ONCE = 12;
const PIECE = 6;

interface Props {
  turns: Turn[];
  models: string[];
  actions: TurnActions;
  /** A message that has to be there: everything from it on is drawn at once. */
  target: string | undefined;
}

/**
 * All turns of a conversation. A long one comes from its end, piece by piece, so that it never blocks the page; what is out of view the
 * browser neither lays out nor paints (`content-visibility`), and its own search still finds it.
 */
export const Thread = memo(function Thread({ turns, models, actions, target }: Props) {
  const from = useFrom(turns, target);
  const latest = useRef(turns);
  useEffect(() => {
    latest.current = turns;
  });
  // Asked only when somebody looks at an artifact, so that nothing is drawn again with each word.
  const texts = useCallback(() => latest.current.flatMap(({ answer }) => (answer ? [answer.content] : [])), []);
  return (
    <ArtifactTexts value={texts}>
      <div className="space-y-10">
        {turns.slice(from).map(({ question }, index) => (
          <TurnView key={question.id} turns={turns} index={from + index} models={models} actions={actions} />
        ))}
      </div>
    </ArtifactTexts>
  );
});

/** The index of the first turn that is drawn; it falls to 0 with time. */
function useFrom(turns: Turn[], target: string | undefined): number {
  const key = turns[0]?.question.id;
  const [drawn, setDrawn] = useState({ key, count: AT_ONCE });
  const place = target === undefined ? -1 : turns.findIndex(({ question, answers }) => question.id === target || answers.some(({ id }) => id === target));
  const needed = place < 0 ? AT_ONCE : turns.length - place + 1;
  const count = Math.max(drawn.key === key ? drawn.count : AT_ONCE, needed);
  const missing = turns.length > count;

  useEffect(() => {
    if (!missing) return undefined;
    const more = () => setDrawn({ key, count: count + PIECE });
    if (!("requestIdleCallback" in globalThis)) {
      const timer = setTimeout(more, 30);
      return () => clearTimeout(timer);
    }
    const handle = requestIdleCallback(more, { timeout: 500 });
    return () => cancelIdleCallback(handle);
  }, [missing, key, count]);

  return Math.max(0, turns.length - count);
}
