"""A client of the sidecar made by Python's own toolchain.

Usage: client.py HOST:PORT CHAIN_TYPE RESOURCE_ID. Prints what it saw as one line of JSON.
"""

import json
import sys

import grpc
from dispatcher.v1 import chain_pb2, chain_type_pb2
from dispatcher.v1 import dispatcher_service_pb2 as dispatcher
from dispatcher.v1 import dispatcher_service_pb2_grpc, evaluation_pb2
from dispatcher.v1 import registry_service_pb2 as registry
from dispatcher.v1 import registry_service_pb2_grpc
from google.protobuf.json_format import MessageToDict
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from validator import serve

DEADLINE = {"timeout": 20}
REQUEST_ID = "order-7-remind"


def chain_type(name):
    return chain_type_pb2.ChainType(
        name=name,
        transitions=[
            chain_type_pb2.Transition(name="give_up", final_state="done"),
            chain_type_pb2.Transition(name="remind", final_state="reminded"),
        ],
        states=[
            chain_type_pb2.State(name="new", transitions=["give_up", "remind"]),
            chain_type_pb2.State(name="reminded", transitions=["give_up"]),
        ],
    )


def error_of(call):
    try:
        call()
    except grpc.RpcError as error:
        details = rpc_status.from_call(error).details
        info = error_details_pb2.ErrorInfo()
        found = [detail.Unpack(info) for detail in details if detail.Is(info.DESCRIPTOR)]
        return {
            "code": error.code().value[0],
            "infos": len(found),
            "domain": info.domain,
            "reason": info.reason,
            "fields": [
                violation.field
                for detail in details
                if detail.Is(error_details_pb2.BadRequest.DESCRIPTOR)
                for violation in error_details_pb2.BadRequest.FromString(detail.value).field_violations
            ],
        }
    return {"code": grpc.StatusCode.OK.value[0]}


def outcome_of(response):
    return {
        "outcome": evaluation_pb2.Outcome.Name(response.outcome),
        "state": response.chain.state,
        "version": response.chain.version,
        "transition": response.transition.name,
        "context": MessageToDict(response.transition.context),
        "evaluations": [
            [e.transition, evaluation_pb2.Verdict.Name(e.verdict), list(e.errors)] for e in response.evaluations
        ],
    }


def run(address, type_name, resource_id):
    server, endpoint, asked = serve()
    channel = grpc.insecure_channel(address)
    chains = dispatcher_service_pb2_grpc.DispatcherServiceStub(channel)
    types = registry_service_pb2_grpc.RegistryServiceStub(channel)
    health = health_pb2_grpc.HealthStub(channel)

    serving = [
        health_pb2.HealthCheckResponse.ServingStatus.Name(
            health.Check(health_pb2.HealthCheckRequest(service=service), **DEADLINE).status
        )
        for service in ["", "dispatcher.v1.DispatcherService"]
    ]
    definition = registry.RegisterChainTypeRequest(chain_type=chain_type(type_name))
    registered = [types.RegisterChainType(definition, **DEADLINE).created for _ in range(2)]
    validator = types.RegisterValidator(
        registry.RegisterValidatorRequest(chain_type=type_name, endpoint=endpoint), **DEADLINE
    )

    cart = chain_pb2.ResourceMapping(resource_type="cart", resource_id=resource_id)
    user = chain_pb2.ResourceMapping(resource_type="user", resource_id="9007199254740993")

    def get_or_create(name, *resources):
        key = chain_pb2.ChainKey(chain_type=name, resources=resources)
        return chains.GetOrCreateChain(dispatcher.GetOrCreateChainRequest(key=key), **DEADLINE)

    first, again = get_or_create(type_name, user, cart), get_or_create(type_name, cart, user, cart)
    ref = chain_pb2.ChainRef(id=first.chain.id)

    def execute(**fields):
        request = dispatcher.ExecuteRequest(chain=ref, requested_by="python", **fields)
        request.initial_context.update({"total": 12.5, "items": ["tea"]})
        return chains.Execute(request, **DEADLINE)

    dry = execute(dry_run=True)
    moved = execute(request_id=REQUEST_ID)
    repeated = execute(request_id=REQUEST_ID)
    events = chains.ListChainEvents(dispatcher.ListChainEventsRequest(chain=ref), **DEADLINE).events

    seen = {
        "health": serving,
        "registered": registered,
        "local": validator.local,
        "created": [first.created, again.created],
        "same_chain": first.chain.id == again.chain.id,
        "resources": [[r.resource_type, r.resource_id] for r in first.chain.resources],
        "dry": outcome_of(dry),
        "dry_event": dry.HasField("event"),
        "moved": outcome_of(moved),
        "same_answer": moved == repeated and moved.event.id != "",
        "asked": asked,
        "history": [
            [e.version, e.transition, e.from_state, e.final_state, e.request_id, e.id == moved.event.id]
            for e in events
        ],
        "unknown_type": error_of(lambda: get_or_create("no such type", cart)),
        "invalid": error_of(lambda: get_or_create(type_name)),
    }
    channel.close()
    server.stop(None)
    return seen


if __name__ == "__main__":
    print(json.dumps(run(*sys.argv[1:])))
