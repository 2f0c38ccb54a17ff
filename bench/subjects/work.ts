import type pg from "pg";
import type { BenchSidecar } from "../stage/sidecar.ts";

/** What callers ask of the sidecar in one figure. */
export interface Work {
  /** The method, as HTTP/2 has it. */
  readonly path: string;
  readonly chainType: {
    readonly name: string;
    readonly evaluation?: "EVALUATION_MODE_SEQUENTIAL" | "EVALUATION_MODE_PARALLEL";
    readonly transitions: readonly { readonly name: string; readonly finalState: string }[];
    readonly states: readonly { readonly name: string; readonly transitions: readonly string[] }[];
  };
  /** Makes so many requests, and the chains that they are about. */
  prepare(client: pg.Client, operations: number): Promise<Uint8Array[]>;
  /** Puts so many chains more into the database. */
  fill?(client: pg.Client, chains: number): Promise<void>;
  /** Makes sure that one call is answered as the figure says, where counting afterwards could not tell. */
  check?(client: pg.Client, sidecar: BenchSidecar): Promise<void>;
  /** Counts the histories, and throws if they are not what so many answers promised. */
  verify(client: pg.Client, answered: number): Promise<void>;
}

/** The chain type of the main figures: one step, by one validator. */
export const orderType = {
  name: "order",
  transitions: [{ name: "send", finalState: "sent" }],
  states: [{ name: "new", transitions: ["send"] }],
};
