"""An application's validator over gRPC, written against nothing but its two small .proto packages."""

from concurrent.futures import ThreadPoolExecutor

import grpc
from dispatcher.validator.v1 import validator_service_pb2 as messages
from dispatcher.validator.v1 import validator_service_pb2_grpc as service
from google.protobuf.json_format import MessageToDict


class Validator(service.ValidatorServiceServicer):
    def __init__(self):
        self.asked = []

    def Validate(self, request, context):
        self.asked.append(
            {
                "transition": request.transition,
                "from": request.from_state,
                "final": request.final_state,
                "dry_run": request.dry_run,
                "requested_by": request.requested_by,
                "resources": [[r.resource_type, r.resource_id] for r in request.chain.resources],
                "initial_context": MessageToDict(request.initial_context),
            }
        )
        if request.transition != "remind":
            return messages.ValidateResponse(verdict=messages.VERDICT_INVALID, errors=["too early"])
        answer = messages.ValidateResponse(verdict=messages.VERDICT_VALID)
        answer.context.update({"language": "python"})
        return answer


def serve():
    """Serves on a free port; returns the server (keep it), its endpoint, and the list of what it was asked."""
    validator = Validator()
    server = grpc.server(ThreadPoolExecutor(4))
    service.add_ValidatorServiceServicer_to_server(validator, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, f"grpc://127.0.0.1:{port}", validator.asked
