import { OperationsService } from "../../../gen/ts/dispatcher/v1/operations_service_pb.ts";
import { refuseUnary } from "../not-implemented.ts";
import { type MountedService, mount } from "../service.ts";

/** Deliveries and stuck chains come with the delivery of effects. */
export function operationsService(): MountedService {
  return mount(OperationsService, {
    listDeliveries: () => refuseUnary("ListDeliveries"),
    redriveDelivery: () => refuseUnary("RedriveDelivery"),
    listStuckChains: () => refuseUnary("ListStuckChains"),
  });
}
