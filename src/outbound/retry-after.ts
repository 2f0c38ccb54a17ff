const LONGEST_MS = 24 * 3_600_000;

/** The three forms of a date in HTTP (RFC 9110, 5.6.7); Date.parse alone takes much else for a date. */
const HTTP_DATE =
  /^(\w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT|\w+, \d{2}-\w{3}-\d{2} \d{2}:\d{2}:\d{2} GMT|\w{3} \w{3} [ \d]\d \d{2}:\d{2}:\d{2} \d{4})$/;

/**
 * Reads the header Retry-After, seconds or a date, as the time to wait from now; undefined if it says nothing. At most a day,
 * so that no mistaken date puts a message away for years.
 */
export function readRetryAfter(value: string): number | undefined {
  if (/^\d+$/.test(value)) return Math.min(Number(value) * 1000, LONGEST_MS);
  if (!HTTP_DATE.test(value)) return undefined;
  // The form without a zone means GMT as well.
  const time = Date.parse(value.endsWith(" GMT") ? value : `${value} GMT`);
  return Number.isNaN(time) ? undefined : Math.min(Math.max(0, time - Date.now()), LONGEST_MS);
}
