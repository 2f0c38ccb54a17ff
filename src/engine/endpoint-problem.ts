import { Refusal } from "../domain/refusal.ts";
import type { EndpointPolicy } from "../outbound/endpoint-policy.ts";

/** Why an endpoint may not be registered, in words; undefined if it may. */
export function endpointProblem(policy: EndpointPolicy, url: string): string | undefined {
  try {
    policy.check(url);
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    throw error;
  }
}
