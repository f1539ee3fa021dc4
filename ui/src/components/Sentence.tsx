/** A sentence of the house; what stands in backticks is a name and is set as one. */
export function Sentence({ text }: { text: string }) {
  const parts = text.split("`");
  // An odd number of backticks means that they are not pairs.
  if (parts.length % 2 === 0) return <>{text}</>;
  return (
    <>
      {parts.map((part, index) =>
        index % 2 === 1 ? (
          <code key={index} className="rounded bg-panel px-1 font-mono text-[0.88em]">
            {part}
          </code>
        ) : (
          part
        ),
      )}
    </>
  );
}
