import { Icon, type IconName } from "../../components/icons";
import { Page, Reading, Refused } from "../../components/Page";
import { Sentence } from "../../components/Sentence";
import type { PostureLine } from "../../lib/contract";
import { useLanguage } from "../../lib/language";
import { useLoad } from "../../lib/load";

const LEVELS = ["warning", "note", "ok"] as const;
const LOOKS: Record<PostureLine["level"], { icon: IconName; look: string; ink: string }> = {
  warning: { icon: "warning", look: "border-care-line bg-care-tint", ink: "text-care" },
  note: { icon: "info", look: "border-line bg-panel", ink: "text-accent" },
  ok: { icon: "check", look: "border-line bg-panel", ink: "text-good" },
};

/** What this house found out about itself. */
export default function Posture() {
  const { words } = useLanguage();
  const { data, refusal, reload } = useLoad<{ lines: PostureLine[] }>("/api/posture");
  const count = (level: PostureLine["level"]) => data?.lines.filter((line) => line.level === level).length ?? 0;
  return (
    <Page heading={words.pages.posture} intro={words.posture.intro}>
      {refusal ? <Refused refusal={refusal} onRetry={reload} /> : null}
      {!data && !refusal ? <Reading /> : null}
      {data ? (
        <>
          <p className="text-lg font-medium text-pretty" data-summary>
            {words.posture.summary(count("warning"), count("note"))}
          </p>
          <ul className="space-y-3">
            {LEVELS.flatMap((level) => data.lines.filter((line) => line.level === level)).map((line) => (
              <Line key={line.text.en} line={line} />
            ))}
          </ul>
        </>
      ) : null}
    </Page>
  );
}

function Line({ line }: { line: PostureLine }) {
  const { words, language } = useLanguage();
  const { icon, look, ink } = LOOKS[line.level];
  return (
    <li data-level={line.level} className={`flex gap-3.5 rounded-2xl border p-4 sm:p-5 ${look}`}>
      <Icon name={icon} className={`mt-0.5 size-5 ${ink}`} />
      <div className="min-w-0">
        <p className="wrap-anywhere">
          <span className={`mr-2 text-sm font-semibold ${ink}`}>{words.posture.levels[line.level]}</span>
          <Sentence text={line.text[language]} />
        </p>
        {line.next ? (
          <p className="mt-1.5 text-sm wrap-anywhere text-soft">
            <span className="font-semibold text-ink">{words.posture.next}: </span>
            <Sentence text={line.next[language]} />
          </p>
        ) : null}
      </div>
    </li>
  );
}
