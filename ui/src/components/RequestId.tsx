import { useLanguage } from "../lib/language";
import { CopyButton } from "./CopyButton";

/** A request id that can be copied. */
export function RequestId({ id }: { id: string }) {
  const { words } = useLanguage();
  if (id === "") return null;
  return (
    <span className="inline-flex max-w-full items-center gap-0.5 font-mono text-[0.8125rem] break-all">
      <span data-request-id>{id}</span>
      <CopyButton text={id} name={words.copyRequestId} />
    </span>
  );
}
