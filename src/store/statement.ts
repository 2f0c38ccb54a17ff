/** A statement of the hot path. On a direct connection it is prepared under its name, once per connection. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** Puts a statement together once for each schema, since the hot path runs it thousands of times a second. */
export function hotStatement(
  name: string,
  textFor: (schema: string) => string,
): (schema: string) => Statement {
  const known = new Map<string, Statement>();
  return (schema) => {
    const statement = known.get(schema) ?? { name, text: textFor(schema) };
    known.set(schema, statement);
    return statement;
  };
}
