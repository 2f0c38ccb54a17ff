type HttpHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** What was heard of one exchange over HTTP. */
export interface HttpHeard {
  /** The peer may have the request. */
  isSent: boolean;
  /** 0 until the answer's head has come. */
  status: number;
  headers: HttpHeaders;
  /** Of the body, at most as much as the limit allows. */
  readonly chunks: Buffer[];
  /** How it ended: with all of the answer that is wanted, with more of it than is read, with an error, or not in time. */
  end: "whole" | "cut" | "broken" | "given up";
  /** What broke it. */
  error: NodeJS.ErrnoException | undefined;
}

/** The value of a header; empty if it did not come. */
export function header({ headers }: HttpHeard, name: string): string {
  return [headers[name] ?? ""].flat().join(", ").trim();
}

/** What was read of the body. */
export function bodyText({ chunks }: HttpHeard): string {
  return Buffer.concat(chunks).toString("utf8");
}

/** True for JSON in UTF-8. */
export function isJson(contentType: string): boolean {
  const [type = "", ...parameters] = contentType.toLowerCase().split(";");
  return (
    type.trim() === "application/json" &&
    parameters.every((parameter) => {
      const [name = "", value = ""] = parameter.split("=");
      return name.trim() !== "charset" || /^"?utf-?8"?$/.test(value.trim());
    })
  );
}
