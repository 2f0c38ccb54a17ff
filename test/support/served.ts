import pg from "pg";
import { type Clients, createClients, createJsonClients } from "./client.ts";
import { createTestDatabase } from "./database.ts";
import { checkInvariants } from "./invariants.ts";
import { startSidecar } from "./sidecar.ts";

/** Both doors of the API: everything is to hold at either. */
export const listeners = ["gRPC", "JSON"] as const;
export type Listener = (typeof listeners)[number];

/** A sidecar on a database of its own, seen through both doors and from behind. */
export interface Served {
  readonly over: Readonly<Record<Listener, Clients>>;
  /** The sidecar's database, for what no caller can do or see. */
  readonly database: pg.Client;
  /** `host:port` of health and metrics. */
  readonly operations: string;
  /** Checks that what must always hold still does, and ends everything. */
  end(): Promise<void>;
}

export async function serve(): Promise<Served> {
  const databaseUrl = await createTestDatabase();
  const sidecar = await startSidecar({ databaseUrl });
  const database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
  return {
    over: { gRPC: createClients(sidecar.grpc), JSON: createJsonClients(sidecar.http) },
    database,
    operations: sidecar.operations,
    async end() {
      await checkInvariants(databaseUrl, []);
      await database.end();
      await sidecar.stop();
    },
  };
}
