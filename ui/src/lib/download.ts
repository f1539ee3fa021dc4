/** Gives the person a file that this page made. */
export function offerFile(name: string, type: string, content: string) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  // The browser takes the content when the click is handled, not while it is.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
