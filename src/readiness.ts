import { Refusal } from "./domain/refusal.ts";

/** What must be there before calls are accepted. */
type Requirement = "database" | "registry" | "registry file";

/** Knows whether the sidecar serves, and if not, why. */
export class Readiness {
  readonly #missing = new Map<Requirement, string>();
  #isStopping = false;
  #hasServed = false;
  #isServing = false;
  readonly #onChange: (isServing: boolean) => void;

  constructor(onChange: (isServing: boolean) => void) {
    this.#onChange = onChange;
  }

  missing(requirement: Requirement, why: string): void {
    this.#missing.set(requirement, why);
    this.#tell();
  }

  met(requirement: Requirement): void {
    this.#missing.delete(requirement);
    if (this.#missing.size === 0) this.#hasServed = true;
    this.#tell();
  }

  /** What a regular look at the database came to; true if that is news. */
  databaseLooked(error: unknown): boolean {
    const wasMissing = this.#missing.has("database");
    if (error === undefined) this.met("database");
    else this.missing("database", "the database cannot be reached, see the log");
    return wasMissing !== (error !== undefined);
  }

  stopping(): void {
    this.#isStopping = true;
    this.#tell();
  }

  /** Why this sidecar should get no traffic now; empty if it should. */
  reasons(): string[] {
    return [...(this.#isStopping ? ["stopping"] : []), ...this.#missing.values()];
  }

  /**
   * Refuses calls before the first time that everything is there, and while stopping. Between, a call is let through and tells
   * by itself what it lacks: a database that is away for a moment must not refuse what needs none.
   */
  gate(): Refusal | undefined {
    if (this.#hasServed && !this.#isStopping) return undefined;
    const why = this.reasons().join("; ");
    return new Refusal("NOT_READY", `The sidecar is not ready: ${why}. Nothing was done; try again.`, {
      metadata: { why },
      retryAfterMs: 1000,
    });
  }

  #tell(): void {
    const isServing = this.#missing.size === 0 && !this.#isStopping;
    if (isServing === this.#isServing) return;
    this.#isServing = isServing;
    this.#onChange(isServing);
  }
}
