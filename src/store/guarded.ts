import { databaseUnavailable, isServerGone } from "./database-error.ts";

/** Runs a query of the ORM, telling a database that is away from a query that is wrong. */
export function guarded<T>(query: () => Promise<T>): Promise<T> {
  return query().catch((error: unknown) =>
    Promise.reject(isServerGone(error) ? databaseUnavailable(error) : error),
  );
}
