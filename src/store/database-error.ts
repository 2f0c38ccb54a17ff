import pg from "pg";
import { Refusal } from "../domain/refusal.ts";

/**
 * A statement was sent and its answer never came: it may have been carried out or not. A write settles it by rule R11; for
 * everything else it is the same as an unreachable database.
 */
export class AnswerLost extends Error {
  override readonly name = "AnswerLost";
}

/** The database cannot be asked at all: nothing was done. */
export function databaseUnavailable(cause: unknown): Refusal {
  return new Refusal("DATABASE_UNAVAILABLE", "The database cannot be reached. Nothing was done; try again.", {
    retryAfterMs: 1000,
    cause,
  });
}

/** The database answers, but not this in time: nothing was done. */
export function databaseBusy(cause: unknown): Refusal {
  return new Refusal("DATABASE_UNAVAILABLE", "The database took too long. Nothing was done; try again.", {
    retryAfterMs: 1000,
    cause,
  });
}

/** The database went away around a commit, and cannot be asked whether it was kept. */
export function commitUnknown(cause: unknown): Refusal {
  return new Refusal(
    "COMMIT_UNKNOWN",
    "The connection to the database broke around the commit, and whether the write was kept is not known. " +
      "Repeat the request with the same request_id, or read what is there.",
    { retryAfterMs: 1000, cause },
  );
}

export function isUnavailable(error: unknown): boolean {
  return error instanceof Refusal && error.reason === "DATABASE_UNAVAILABLE";
}

/** Classes and codes with which a server says that it cannot serve, rather than that the statement is wrong. */
const SERVER_GONE = /^(08...|57P0[1-4]|53...|58...|25006)$/;
/** Deadlock, serialization, lock not available, statement cancelled: the same statement may succeed next time. */
const CONTENTION = /^(40001|40P01|55P03|57014)$/;

export function isServerGone(error: unknown): boolean {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : undefined;
  if (cause !== undefined && isServerGone(cause)) return true;
  const state = sqlState(error);
  if (state !== undefined) return SERVER_GONE.test(state);
  // What pg throws by itself, not from the server, is about its connection; it has no class of its own.
  return (
    error instanceof Error &&
    CONNECTION_TROUBLE.test(`${(error as NodeJS.ErrnoException).code} ${error.message}`)
  );
}

const CONNECTION_TROUBLE =
  /ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENOENT .*connect|terminated|timeout|not queryable|Client was closed|SSL/i;

export function isContention(error: unknown): boolean {
  return CONTENTION.test(sqlState(error) ?? "");
}

/** True if a value or a constraint is at fault: the same statement without it may succeed. */
export function isDataError(error: unknown): boolean {
  return /^2[23]/.test(sqlState(error) ?? "");
}

/** The violated constraint, if that is what the error tells. */
export function violatedConstraint(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError && error.code?.startsWith("23") ? error.constraint : undefined;
}

/** The ORM throws errors of its own, to which it copies what the server said. */
function sqlState(error: unknown): string | undefined {
  if (error instanceof pg.DatabaseError) return error.code;
  const { code, severity } = error instanceof Error ? (error as Partial<pg.DatabaseError>) : {};
  return severity === undefined ? undefined : code;
}
