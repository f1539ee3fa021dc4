import { reach } from "./api";

/** Gives the person a file that the house makes, under the name that the house gives it. Throws `RefusedError`. */
export async function takeFile(path: string, name: string) {
  const response = await reach(path);
  const [, given] = /filename="([^"\\/]+)"/u.exec(response.headers.get("content-disposition") ?? "") ?? [];
  offer(given ?? name, await response.blob());
}

/** Gives the person a file that this page made. */
export function offerFile(name: string, type: string, content: BlobPart) {
  offer(name, new Blob([content], { type }));
}

function offer(name: string, content: Blob) {
  const address = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  // The browser takes the content when the click is handled, not while it is.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
