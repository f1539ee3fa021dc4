import { LabelBadge } from "../../components/Badge";
import { Icon } from "../../components/icons";
import { LongText } from "../../components/LongText";
import { Markdown } from "../../components/Markdown";
import { Empty, Page, Panel, Reading, Refused } from "../../components/Page";
import type { BothTexts, Passage } from "../../lib/contract";
import { dateTime } from "../../lib/format";
import { useLoad } from "../../lib/load";
import { useLanguage } from "../../lib/language";
import { Link } from "../../lib/router";

interface ShareRow {
  id: string;
  /** Nothing where its label is above the reader's clearance. */
  title: string | null;
  from: string;
  label: string | null;
  created: string;
}

interface SharedMessage {
  id: string;
  role: "user" | "assistant";
  content: string | null;
  /** Why it is not shown to this reader. */
  withheld: BothTexts | null;
  model: string | null;
  created: string;
  passage: Passage | null;
}

/** What others in the house let one read: the list, or one conversation of it. */
export default function Shared({ id }: { id: string | undefined }) {
  return id === undefined ? <SharedList /> : <SharedConversation id={id} />;
}

function SharedList() {
  const { words, language } = useLanguage();
  const { data, refusal, reload } = useLoad<{ shares: ShareRow[] }>("/api/chat/shared");
  return (
    <Page heading={words.shared.heading} intro={words.shared.intro}>
      {refusal ? <Refused refusal={refusal} onRetry={reload} /> : null}
      {data ? null : refusal ? null : <Reading />}
      {data ? (
        <Panel flush>
          {data.shares.length === 0 ? <Empty>{words.shared.none}</Empty> : null}
          <ul className="divide-y divide-line">
            {data.shares.map((share) => (
              <li key={share.id} data-shared={share.id}>
                <Link to={`/shared/${encodeURIComponent(share.id)}`} className="block px-4 py-3 -outline-offset-2 hover:bg-sunken sm:px-5">
                  <span translate="no" className="block font-medium wrap-anywhere">
                    {share.title || words.conversations.untitled}
                  </span>
                  <span className="mt-1 flex flex-wrap items-center gap-x-3 gap-y-1 text-xs text-soft">
                    <LabelBadge label={share.label} />
                    <span>
                      {words.shared.from} <span translate="no">{share.from}</span>, {dateTime(share.created, language)}
                    </span>
                  </span>
                </Link>
              </li>
            ))}
          </ul>
        </Panel>
      ) : null}
    </Page>
  );
}

function SharedConversation({ id }: { id: string }) {
  const { words, language } = useLanguage();
  const { data, refusal, reload } = useLoad<ShareRow & { messages: SharedMessage[] }>(`/api/chat/shared/${encodeURIComponent(id)}`);
  if (!data) {
    return (
      <Page heading={words.shared.heading}>
        {refusal ? <Refused refusal={refusal} onRetry={reload} /> : <Reading />}
        {refusal?.status === 404 ? <p className="text-soft">{words.shared.gone}</p> : null}
      </Page>
    );
  }
  const withheld = data.messages.filter((message) => message.content === null).length;
  return (
    <div className="mx-auto w-full max-w-3xl px-4 pt-6 pb-16 sm:px-6 sm:pt-10">
      <h1 tabIndex={-1} translate="no" className="text-2xl font-semibold tracking-tight wrap-anywhere outline-none">
        {data.title || words.conversations.untitled}
      </h1>
      <p className="mt-2 flex flex-wrap items-center gap-x-3 gap-y-1 text-sm text-soft">
        <LabelBadge label={data.label} />
        <span>
          {words.shared.from} <span translate="no">{data.from}</span>, {dateTime(data.created, language)}
        </span>
      </p>
      <p className="mt-3 mb-8 text-sm text-pretty text-soft">{withheld > 0 ? words.shared.partly(withheld) : words.shared.live}</p>
      <div className="space-y-8" data-shared-messages>
        {data.messages.map((message) => (
          <SharedMessageView key={message.id} message={message} />
        ))}
      </div>
    </div>
  );
}

function SharedMessageView({ message: { id, role, content, withheld, model, passage } }: { message: SharedMessage }) {
  const { words, language } = useLanguage();
  const isQuestion = role === "user";
  return (
    <article data-message={id} className="turn">
      <h2 className="sr-only">{isQuestion ? words.shared.question : words.turn.answer}</h2>
      {content === null ? (
        <div data-withheld className="flex gap-3 rounded-xl border border-care-line bg-care-tint p-4 text-sm">
          <Icon name="shield" className="mt-0.5 size-5 text-care" />
          <div className="min-w-0">
            <p className="font-semibold">{isQuestion ? words.shared.withheldQuestion : words.shared.withheldAnswer}</p>
            {withheld ? <p className="mt-0.5">{withheld[language]}</p> : null}
          </div>
        </div>
      ) : isQuestion ? (
        <div data-question className="ml-auto w-fit max-w-[92%] rounded-3xl rounded-br-lg bg-tint px-4.5 py-2.5 wrap-anywhere forced-colors:border whitespace-pre-wrap sm:max-w-[80%]">
          <LongText text={content} />
        </div>
      ) : (
        <>
          <div data-answer>
            <Markdown text={content} />
          </div>
          <p className="mt-2 flex flex-wrap items-center gap-3 text-xs text-soft">
            <LabelBadge label={passage?.label ?? null} />
            <span translate="no">{model}</span>
          </p>
        </>
      )}
    </article>
  );
}
