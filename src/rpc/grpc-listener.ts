import type { Http2Server } from "node:http2";
import { createServer, type Socket } from "node:net";
import { Server, ServerCredentials, type ServerInterceptor } from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";
import { createEndlessStreams } from "./endless-streams.ts";
import { describeTransportErrors } from "./grpc-interceptor.ts";
import { createReflection } from "./grpc-reflection.ts";
import { mountOnGrpc } from "./grpc-service.ts";
import { type CallListener, listen } from "./listen.ts";
import { type ListenAddress, requireLocal } from "./listen-address.ts";
import type { Pipeline } from "./pipeline.ts";
import { nameOf } from "./served-method.ts";
import { normaliseTimeouts } from "./timeout-header.ts";

const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
const MAX_CONNECTIONS = 1000;
/** A connection over which all has been said may stay open for so long, for its caller to close it. */
const LINGER_MS = 1000;

export interface GrpcListenerOptions {
  readonly address: ListenAddress;
  readonly pipeline: Pipeline;
}

export interface GrpcListener extends CallListener {
  /** What `grpc.health.v1` answers for every service and for the whole. NOT_SERVING until told otherwise. */
  setServing(isServing: boolean): void;
}

/** The fast lane: gRPC by grpc-js, with health and reflection. Refuses an address that is not local. */
export function createGrpcListener({ address, pipeline }: GrpcListenerOptions): GrpcListener {
  requireLocal(address, "DISPATCHER_GRPC_ADDRESS");
  const descriptors = pipeline.services.map((service) => service.descriptor);
  const paths = new Set(
    descriptors.flatMap((service) => service.methods.map((method) => `/${nameOf(method)}`)),
  );
  const server = createGrpcServer([describeTransportErrors(paths, pipeline)]);

  for (const service of pipeline.services) mountOnGrpc(server, service, pipeline);
  const endless = createEndlessStreams();
  const healthNames = ["", ...descriptors.map((service) => service.typeName)];
  const health = new HealthImplementation(
    Object.fromEntries(healthNames.map((name) => [name, "NOT_SERVING"])),
  );
  health.addToServer(endless.following(server));
  createReflection(descriptors).addToServer(endless.following(server));

  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const http2Servers: ReadonlyMap<Http2Server, unknown> = server["http2Servers"];
  for (const http2Server of http2Servers.keys()) {
    http2Server.prependListener("stream", (_stream, headers) => normaliseTimeouts(headers));
  }

  const sockets = new Set<Socket>();
  const front = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    injector.injectConnection(socket);
  });
  front.maxConnections = MAX_CONNECTIONS;

  const setServing = (isServing: boolean) => {
    for (const name of healthNames) health.setStatus(name, isServing ? "SERVING" : "NOT_SERVING");
  };

  return {
    setServing,
    start: () => listen(front, address),
    async stop(graceMs) {
      setServing(false);
      const closed = new Promise((resolve) => front.close(resolve));
      const cut = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, graceMs);
      for (const socket of sockets) {
        // A caller that does not read its streams to their end does not close it.
        socket.once("finish", () => setTimeout(() => socket.destroy(), LINGER_MS).unref());
      }
      endless.endAll();
      server.tryShutdown(() => {});
      await closed;
      clearTimeout(cut);
    },
  };
}

/**
 * Limits for one trusted caller on the same machine: generous where its worker pool could run into them (a burst of
 * cancelled calls is no attack here), strict about sizes.
 */
function createGrpcServer(interceptors: ServerInterceptor[]): Server {
  const server = new Server({
    interceptors,
    "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
    "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
    "grpc.max_concurrent_streams": 256,
    "grpc.max_connection_idle_ms": 120_000,
    "grpc.keepalive_time_ms": 60_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.enable_channelz": 0,
  });
  Object.assign(server["commonServerOptions"], {
    maxHeaderListPairs: 128,
    maxSessionInvalidFrames: 100,
    maxSessionRejectedStreams: 1000,
    streamResetBurst: 10_000,
    streamResetRate: 1000,
  });
  return server;
}
