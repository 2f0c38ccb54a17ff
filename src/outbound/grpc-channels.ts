import { isIP } from "node:net";
import { performance } from "node:perf_hooks";
import type { SecureContext } from "node:tls";
import { type ChannelOptions, Client, connectivityState } from "@grpc/grpc-js";
import { type GrpcEndpoint, isLoopback } from "./endpoint.ts";
import { GrpcCredentials } from "./grpc-credentials.ts";

export interface GrpcChannelsOptions {
  readonly maxReceiveBytes: number;
  readonly connectTimeoutMs: number;
  readonly trust: () => SecureContext;
}

/** The use of a channel for one call. */
export interface ChannelLease {
  readonly client: Client;
  /** Gives it back, once. `silent` means that nothing came from the peer in time. */
  end(outcome: "answered" | "silent" | "cancelled"): void;
}

/** One channel per endpoint, kept and reused. */
export interface GrpcChannels {
  lease(endpoint: GrpcEndpoint): ChannelLease;
  /** Calls under way still end. */
  close(): void;
}

interface Channel {
  readonly client: Client;
  calls: number;
  /** Calls without an answer since the last one with an answer. */
  silent: number;
  /** Since when it has been seen connecting. */
  connectingSince: number | undefined;
  retired: boolean;
  /** Which use of all channels was its last. */
  lastUse: number;
}

const MAX_CHANNELS = 256;
const IDLE_MS = 5 * 60_000;
/** With so many calls in a row unanswered, the connection and not the validator may be dead. */
const MAX_SILENT = 3;

export function createGrpcChannels(options: GrpcChannelsOptions): GrpcChannels {
  const channels = new Map<string, Channel>();
  let uses = 0;

  const retire = (url: string, channel: Channel) => {
    if (channels.get(url) === channel) channels.delete(url);
    channel.retired = true;
    if (channel.calls === 0) channel.client.close();
  };

  return {
    lease: (endpoint) => {
      const { url } = endpoint;
      const known = channels.get(url);
      if (known && isStuck(known, options.connectTimeoutMs)) retire(url, known);
      let channel = channels.get(url);
      if (!channel) {
        if (channels.size >= MAX_CHANNELS) retire(...leastRecentlyUsed(channels));
        channel = createChannel(endpoint, options);
        channels.set(url, channel);
      }
      uses += 1;
      channel.lastUse = uses;
      return startLease(channel);
    },
    close: () => {
      for (const [url, channel] of [...channels]) retire(url, channel);
    },
  };
}

/** Looked for at a new endpoint alone: keeping the channels in that order would cost something at each call. */
function leastRecentlyUsed(channels: ReadonlyMap<string, Channel>): [string, Channel] {
  return [...channels].reduce((oldest, other) => (other[1].lastUse < oldest[1].lastUse ? other : oldest));
}

function startLease(channel: Channel): ChannelLease {
  channel.calls += 1;
  return {
    client: channel.client,
    end: (outcome) => {
      channel.calls -= 1;
      if (outcome === "answered") channel.silent = 0;
      else if (outcome === "silent" && stateOf(channel) === connectivityState.READY) channel.silent += 1;
      if (channel.retired && channel.calls === 0) channel.client.close();
    },
  };
}

/**
 * True if a new connection is the better one. Until its backoff ends, grpc-js would answer from an old failure, while a
 * validator that was restarted may be back at once.
 */
function isStuck(channel: Channel, connectTimeoutMs: number): boolean {
  const state = stateOf(channel);
  if (state === connectivityState.TRANSIENT_FAILURE) return true;
  if (state !== connectivityState.CONNECTING) {
    channel.connectingSince = undefined;
    return channel.silent >= MAX_SILENT;
  }
  const now = performance.now();
  channel.connectingSince ??= now;
  return now - channel.connectingSince > connectTimeoutMs;
}

function stateOf({ client }: Channel): connectivityState {
  return client.getChannel().getConnectivityState(false);
}

function createChannel(endpoint: GrpcEndpoint, options: GrpcChannelsOptions): Channel {
  const { address, tls } = endpoint;
  const credentials = new GrpcCredentials({
    tls: tls && address.kind === "tcp" ? { host: address.host, trust: options.trust() } : undefined,
    connectTimeoutMs: options.connectTimeoutMs,
  });
  const channelOptions: ChannelOptions = {
    "grpc.primary_user_agent": "dispatcher",
    "grpc.max_receive_message_length": options.maxReceiveBytes,
    "grpc.client_idle_timeout_ms": IDLE_MS,
    "grpc.dns_min_time_between_resolutions_ms": 1000,
    "grpc.max_reconnect_backoff_ms": 10_000,
    // Otherwise a channel would share the connections, and the backoff, of the one that it replaces.
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_channelz": 0,
    // What is called is what was registered: neither proxies of the environment nor settings in DNS have a say.
    "grpc.enable_http_proxy": 0,
    "grpc.service_config_disable_resolution": 1,
  };
  const target =
    address.kind === "unix"
      ? `unix:${address.path}`
      : `dns:${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
  if (address.kind === "tcp" && !isIP(address.host) && !isLoopback(address.host))
    channelOptions["grpc.service_config"] = JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] });
  return {
    client: new Client(target, credentials, channelOptions),
    calls: 0,
    silent: 0,
    connectingSince: undefined,
    retired: false,
    lastUse: 0,
  };
}
