import type { Callback, ChainType, Endpoint } from "../domain/chain-type.ts";
import { OUTLASTS, outlastsItsClaim } from "../domain/check-chain-type.ts";
import { Refusal } from "../domain/refusal.ts";
import type { EndpointPolicy } from "../outbound/endpoint-policy.ts";
import type { Database } from "../store/database.ts";
import { register } from "../store/registry-store.ts";
import type { Registry } from "./registry.ts";

export interface EndpointPlace {
  readonly chainType: string;
  /** Empty: all that have no registration of their own. */
  readonly transitions: readonly string[];
}

export type EndpointRegistration = EndpointPlace &
  (
    | { readonly kind: "validator"; readonly value: Endpoint }
    | { readonly kind: "callback"; readonly value: Callback }
  );

/**
 * Keeps a local validator in this sidecar's memory, any other endpoint in the database for all (R27).
 *
 * A callback is stored even if it is local: a sidecar that did not know of it would move chains without their effect. To
 * others a local one means the container beside them, as in a definition.
 */
export async function registerEndpoint(
  database: Database,
  registry: Registry,
  policy: EndpointPolicy,
  registration: EndpointRegistration,
): Promise<{ local: boolean }> {
  const { kind, chainType, value } = registration;
  const { local } = policy.check("endpoint" in value ? value.endpoint.url : value.url);
  if ("endpoint" in value && outlastsItsClaim(value))
    throw new Refusal("INVALID_REQUEST", `timeout: ${OUTLASTS}.`, {
      problems: [{ field: "timeout", message: OUTLASTS }],
    });
  await refuseUnknown(registry, registration);
  const places = placesOf(registration);
  if (local && kind === "validator") {
    registry.validators.putLocal(chainType, places, registration.value);
    return { local };
  }
  await register(database, async (writes) => {
    await writes.lock();
    let changed = false;
    for (const place of places) {
      const put =
        kind === "validator"
          ? await writes.putValidator(chainType, place, registration.value)
          : await writes.putCallback(chainType, place, registration.value);
      changed ||= put;
    }
    // An identical registration, as at every start of an application, must not make the replicas read again.
    if (changed) await writes.raiseVersion();
  });
  if (local && kind === "callback") registry.callbacks.putLocal(chainType, places, registration.value);
  await registry.refreshSoon();
  return { local };
}

/** Takes registrations back, of one endpoint or (with an empty URL) of any; tells how many there were. */
export async function unregisterEndpoint(
  database: Database,
  registry: Registry,
  kind: EndpointRegistration["kind"],
  place: EndpointPlace,
  url: string,
): Promise<number> {
  const places = placesOf(place);
  const shared = await register(database, async (writes) => {
    await writes.lock();
    const removed = await writes.removeEndpoints(kind, place.chainType, places, url);
    if (removed > 0) await writes.raiseVersion();
    return removed;
  });
  const local =
    kind === "validator"
      ? registry.validators.removeLocal(place.chainType, places, (value) => !url || value.url === url)
      : registry.callbacks.removeLocal(
          place.chainType,
          places,
          (value) => !url || value.endpoint.url === url,
        );
  await registry.refreshSoon();
  // A local callback is stored as well: it is one registration.
  return kind === "validator" ? local + shared : shared;
}

function placesOf({ transitions }: EndpointPlace): readonly string[] {
  return transitions.length === 0 ? [""] : transitions;
}

async function refuseUnknown(registry: Registry, { chainType, transitions }: EndpointPlace): Promise<void> {
  const missing = (type: ChainType) =>
    transitions.filter((name) => !type.transitions.some((transition) => transition.name === name));
  const { chainType: known } = await registry.get(chainType, (type) => missing(type).length === 0);
  const [unknown] = missing(known);
  if (unknown !== undefined) throw transitionNotFound(known, unknown);
}

export function transitionNotFound({ name, transitions }: ChainType, transition: string): Refusal {
  const known = transitions.slice(0, 20).map((candidate) => candidate.name);
  return new Refusal(
    "TRANSITION_NOT_FOUND",
    `Chain type "${name}" has no transition "${transition}"; it has ${known.join(", ")}${transitions.length > known.length ? ", ..." : ""}.`,
    { metadata: { chain_type: name, transition } },
  );
}
