package main

import (
	"context"
	"net"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/structpb"

	validatorv1 "foreign/gen/dispatcher/validator/v1"
)

// question is what the validator was asked, in the words of the test.
type question struct {
	Transition     string         `json:"transition"`
	From           string         `json:"from"`
	Final          string         `json:"final"`
	DryRun         bool           `json:"dry_run"`
	RequestedBy    string         `json:"requested_by"`
	Resources      [][2]string    `json:"resources"`
	InitialContext map[string]any `json:"initial_context"`
}

// validator is an application's validator over gRPC.
type validator struct {
	validatorv1.UnimplementedValidatorServiceServer
	mutex sync.Mutex
	asked []question
}

func (v *validator) Validate(_ context.Context, request *validatorv1.ValidateRequest) (*validatorv1.ValidateResponse, error) {
	resources := [][2]string{}
	for _, r := range request.GetChain().GetResources() {
		resources = append(resources, [2]string{r.GetResourceType(), r.GetResourceId()})
	}
	v.mutex.Lock()
	defer v.mutex.Unlock()
	v.asked = append(v.asked, question{
		Transition:     request.GetTransition(),
		From:           request.GetFromState(),
		Final:          request.GetFinalState(),
		DryRun:         request.GetDryRun(),
		RequestedBy:    request.GetRequestedBy(),
		Resources:      resources,
		InitialContext: request.GetInitialContext().AsMap(),
	})
	if request.GetTransition() != "remind" {
		return &validatorv1.ValidateResponse{
			Verdict: validatorv1.Verdict_VERDICT_INVALID,
			Errors:  []string{"too early"},
		}, nil
	}
	answer, err := structpb.NewStruct(map[string]any{"language": "go"})
	return &validatorv1.ValidateResponse{Verdict: validatorv1.Verdict_VERDICT_VALID, Context: answer}, err
}

// serve starts the validator on a free port and returns its endpoint.
func (v *validator) serve() (server *grpc.Server, endpoint string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	server = grpc.NewServer()
	validatorv1.RegisterValidatorServiceServer(server, v)
	go func() {
		if err := server.Serve(listener); err != nil {
			panic(err)
		}
	}()
	return server, "grpc://" + listener.Addr().String(), nil
}
