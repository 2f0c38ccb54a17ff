import type { MailServer } from "./mail-server.ts";
import type { DispatcherClient } from "./shop/dispatcher-client.ts";
import type { ShopProcess } from "./shop-process.ts";
import type { SidecarProcess } from "./sidecar-process.ts";

/** Everybody who plays a part in the story. */
export interface Cast {
  readonly shop: ShopProcess;
  readonly sidecar: SidecarProcess;
  readonly mailServer: MailServer;
  /** Of the sidecar. */
  readonly client: DispatcherClient;
}
