import { databaseBusy, databaseUnavailable, isContention, isServerGone } from "./database-error.ts";

/** Runs what writes nothing, or one transaction of the ORM, telling a database that is away or slow from a query that is wrong. */
export function guarded<T>(query: () => Promise<T>): Promise<T> {
  return query().catch((error: unknown) => {
    if (isServerGone(error)) throw databaseUnavailable(error);
    throw isContention(error) ? databaseBusy(error) : error;
  });
}
