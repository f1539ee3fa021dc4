import { IconButton } from "../../components/IconButton";
import { useLanguage } from "../../lib/language";

interface Props {
  /** What is one of several: `Question 2 of 3`. */
  name: (at: number, of: number) => string;
  at: number;
  ids: string[];
  onChoose: (id: string) => void;
}

/** ‹ 2/3 ›: walks through what stands side by side in the tree. */
export function Branches({ name, at, ids, onChoose }: Props) {
  const { words } = useLanguage();
  const [before, after] = [ids[at - 1], ids[at + 1]];
  return (
    <div role="group" aria-label={name(at + 1, ids.length)} data-branches={`${at + 1}/${ids.length}`} className="flex items-center">
      {/* Not disabled at the ends: the focus would be lost there. */}
      <IconButton icon="left" name={words.turn.branchBefore} aria-disabled={before === undefined} data-before className="aria-disabled:opacity-40" onClick={() => before !== undefined && onChoose(before)} />
      <span aria-hidden="true" className="tabular-nums">
        {at + 1}/{ids.length}
      </span>
      <IconButton icon="right" name={words.turn.branchAfter} aria-disabled={after === undefined} data-after className="aria-disabled:opacity-40" onClick={() => after !== undefined && onChoose(after)} />
    </div>
  );
}
