import { isIP, type Socket } from "node:net";
import { type SecureContext, connect as secure } from "node:tls";
import { CallCredentials, ChannelCredentials } from "@grpc/grpc-js";

type Connector = ReturnType<ChannelCredentials["_createSecureConnector"]>;

export interface GrpcCredentialsOptions {
  /** Whose certificate is expected; none to talk without TLS. */
  readonly tls: { readonly host: string; readonly trust: SecureContext } | undefined;
  readonly connectTimeoutMs: number;
}

/**
 * Connects TCP sockets on to HTTP/2, and gives up what is not complete in time.
 *
 * grpc-js by itself waits without end for a peer that accepts TCP and then says nothing, and every later call waits with
 * it. Here is also where the address that a name resolved to is known before anything is sent.
 */
export class GrpcCredentials extends ChannelCredentials {
  readonly #options: GrpcCredentialsOptions;

  constructor(options: GrpcCredentialsOptions) {
    super();
    this.#options = options;
  }

  override _isSecure(): boolean {
    return this.#options.tls !== undefined;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(): Connector {
    const callCredentials = CallCredentials.createEmpty();
    return {
      connect: (socket) => this.#connect(socket),
      waitForReady: async () => {},
      getCallCredentials: () => callCredentials,
      destroy: () => {},
    };
  }

  #connect(tcp: Socket): ReturnType<Connector["connect"]> {
    const { tls, connectTimeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const socket = tls ? startTls(tcp, tls.host, tls.trust) : tcp;
      const timer = setTimeout(() => {
        // The first bytes are the peer's HTTP/2 settings.
        if (socket.bytesRead === 0) socket.destroy(new Error(`no connection within ${connectTimeoutMs} ms`));
      }, connectTimeoutMs).unref();
      socket.once("error", reject);
      socket.once("close", () => {
        clearTimeout(timer);
        reject(new Error("the connection was closed"));
      });
      if (tls) socket.once("secureConnect", () => resolve({ socket, secure: true }));
      else resolve({ socket, secure: false });
    });
  }
}

function startTls(socket: Socket, host: string, secureContext: SecureContext): Socket {
  return secure({
    socket,
    secureContext,
    host,
    // Addresses are verified too, but never asked for by name.
    ...(isIP(host) ? {} : { servername: host }),
    ALPNProtocols: ["h2"],
  });
}
