// A client of the sidecar made by Go's own toolchain.
//
// Usage: foreign HOST:PORT CHAIN_TYPE RESOURCE_ID. Prints what it saw as one line of JSON.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	dispatcherv1 "foreign/gen/dispatcher/v1"
)

const requestID = "order-7-remind"

func chainType(name string) *dispatcherv1.ChainType {
	return &dispatcherv1.ChainType{
		Name: name,
		Transitions: []*dispatcherv1.Transition{
			{Name: "give_up", FinalState: "done"},
			{Name: "remind", FinalState: "reminded"},
		},
		States: []*dispatcherv1.State{
			{Name: "new", Transitions: []string{"give_up", "remind"}},
			{Name: "reminded", Transitions: []string{"give_up"}},
		},
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	log.SetFlags(log.Lshortfile)
	address, typeName, resourceID := os.Args[1], os.Args[2], os.Args[3]
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()

	asked := &validator{}
	server, endpoint, err := asked.serve()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Stop()
	connection := must(grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials())))
	defer connection.Close()
	chains := dispatcherv1.NewDispatcherServiceClient(connection)
	types := dispatcherv1.NewRegistryServiceClient(connection)
	health := healthv1.NewHealthClient(connection)

	serving := []string{}
	for _, service := range []string{"", "dispatcher.v1.DispatcherService"} {
		check := must(health.Check(ctx, &healthv1.HealthCheckRequest{Service: service}))
		serving = append(serving, check.GetStatus().String())
	}
	registered := []bool{}
	for range 2 {
		answer := must(types.RegisterChainType(ctx, &dispatcherv1.RegisterChainTypeRequest{ChainType: chainType(typeName)}))
		registered = append(registered, answer.GetCreated())
	}
	local := must(types.RegisterValidator(ctx, &dispatcherv1.RegisterValidatorRequest{ChainType: typeName, Endpoint: endpoint}))

	cart := &dispatcherv1.ResourceMapping{ResourceType: "cart", ResourceId: resourceID}
	user := &dispatcherv1.ResourceMapping{ResourceType: "user", ResourceId: "9007199254740993"}
	getOrCreate := func(name string, resources ...*dispatcherv1.ResourceMapping) (*dispatcherv1.GetOrCreateChainResponse, error) {
		key := &dispatcherv1.ChainKey{ChainType: name, Resources: resources}
		return chains.GetOrCreateChain(ctx, &dispatcherv1.GetOrCreateChainRequest{Key: key})
	}
	first := must(getOrCreate(typeName, user, cart))
	again := must(getOrCreate(typeName, cart, user, cart))
	ref := &dispatcherv1.ChainRef{Value: &dispatcherv1.ChainRef_Id{Id: first.GetChain().GetId()}}

	execute := func(dryRun bool, id string) *dispatcherv1.ExecuteResponse {
		return must(chains.Execute(ctx, &dispatcherv1.ExecuteRequest{
			Chain:          ref,
			RequestedBy:    "go",
			DryRun:         dryRun,
			RequestId:      id,
			InitialContext: must(structpb.NewStruct(map[string]any{"total": 12.5, "items": []any{"tea"}})),
		}))
	}
	dry := execute(true, "")
	moved := execute(false, requestID)
	repeated := execute(false, requestID)

	history := [][6]any{}
	events := must(chains.ListChainEvents(ctx, &dispatcherv1.ListChainEventsRequest{Chain: ref})).GetEvents()
	for _, e := range events {
		history = append(history, [6]any{e.GetVersion(), e.GetTransition(), e.GetFromState(), e.GetFinalState(), e.GetRequestId(), e.GetId() == moved.GetEvent().GetId()})
	}
	_, unknownType := getOrCreate("no such type", cart)
	_, invalid := getOrCreate(typeName)

	seen := must(json.Marshal(map[string]any{
		"health":       serving,
		"registered":   registered,
		"local":        local.GetLocal(),
		"created":      []bool{first.GetCreated(), again.GetCreated()},
		"same_chain":   first.GetChain().GetId() == again.GetChain().GetId(),
		"resources":    pairs(first.GetChain().GetResources()),
		"dry":          outcomeOf(dry),
		"dry_event":    dry.GetEvent() != nil,
		"moved":        outcomeOf(moved),
		"same_answer":  proto.Equal(moved, repeated) && moved.GetEvent().GetId() != "",
		"asked":        asked.asked,
		"history":      history,
		"unknown_type": failureOf(unknownType),
		"invalid":      failureOf(invalid),
	}))
	os.Stdout.Write(append(seen, '\n'))
}
