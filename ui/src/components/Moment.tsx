import { dateOnly, timeOnly } from "../lib/format";
import { useLanguage } from "../lib/language";

/** A date and a time that break between them and nowhere else. */
export function Moment({ at }: { at: string }) {
  const { language } = useLanguage();
  return (
    <time dateTime={at}>
      <span className="whitespace-nowrap">{dateOnly(at, language)}</span> <span className="whitespace-nowrap">{timeOnly(at, language)}</span>
    </time>
  );
}
