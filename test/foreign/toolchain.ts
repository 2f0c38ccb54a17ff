/** A language with its own compiler of .proto files. */
export interface Toolchain {
  /** Why this machine cannot build the client; undefined if it can. */
  problem(): Promise<string | undefined>;
  /** Generates code from the .proto files into the folder and builds the client there. */
  build(folder: string): Promise<Client>;
}

/** Runs the client against a sidecar's gRPC listener; resolves with what it printed. */
export type Client = (address: string, chainType: string, resourceId: string) => Promise<string>;
