import { contentHash } from "../domain/content-hash.ts";
import { Refusal } from "../domain/refusal.ts";

const DEFAULT_PAGE_SIZE = 100;

export function pageSizeOf(requested: number): number {
  return requested === 0 ? DEFAULT_PAGE_SIZE : requested;
}

/** An opaque token for the place where the next page begins, bound to the list and its filters. */
export function pageToken(place: readonly string[] | undefined, list: string, filter: unknown): string {
  if (!place) return "";
  return Buffer.from(JSON.stringify([bindingOf(list, filter), ...place])).toString("base64url");
}

/** The place in a token; every part must match its pattern, since a token comes from outside. */
export function placeFromToken(
  token: string,
  list: string,
  filter: unknown,
  patterns: readonly RegExp[],
): string[] | undefined {
  if (token === "") return undefined;
  const [binding, ...place] = parse(token);
  const fits =
    place.length === patterns.length && patterns.every((pattern, index) => pattern.test(place[index] ?? ""));
  if (binding === bindingOf(list, filter) && fits) return place;
  throw new Refusal(
    "INVALID_PAGE_TOKEN",
    "The page token was not made by this list with these filters. Begin again without one.",
    { problems: [{ field: "page_token", message: "was not made by this list with these filters" }] },
  );
}

/** As PostgreSQL writes it. */
export const TIME =
  /^(-infinity|\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]) ([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?[+-]\d\d(:\d\d)?)$/;

export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function parse(token: string): string[] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(token, "base64url").toString());
    return Array.isArray(parsed) && parsed.every((part) => typeof part === "string") ? parsed : [];
  } catch {
    // Anything that is not ours is refused alike.
    return [];
  }
}

function bindingOf(list: string, filter: unknown): string {
  return contentHash([list, filter]).slice(0, 16);
}
