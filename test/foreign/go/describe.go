package main

import (
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	dispatcherv1 "foreign/gen/dispatcher/v1"
)

// outcome is an answer of Execute, in the words of the test.
type outcome struct {
	Outcome     string         `json:"outcome"`
	State       string         `json:"state"`
	Version     int64          `json:"version"`
	Transition  string         `json:"transition"`
	Context     map[string]any `json:"context"`
	Evaluations [][3]any       `json:"evaluations"`
}

func outcomeOf(response *dispatcherv1.ExecuteResponse) outcome {
	evaluations := [][3]any{}
	for _, e := range response.GetEvaluations() {
		evaluations = append(evaluations, [3]any{e.GetTransition(), e.GetVerdict().String(), append([]string{}, e.GetErrors()...)})
	}
	return outcome{
		Outcome:     response.GetOutcome().String(),
		State:       response.GetChain().GetState(),
		Version:     response.GetChain().GetVersion(),
		Transition:  response.GetTransition().GetName(),
		Context:     response.GetTransition().GetContext().AsMap(),
		Evaluations: evaluations,
	}
}

// failure is an error status as Go's own library reads it.
type failure struct {
	Code   uint32   `json:"code"`
	Infos  int      `json:"infos"`
	Domain string   `json:"domain"`
	Reason string   `json:"reason"`
	Fields []string `json:"fields"`
}

func failureOf(err error) failure {
	told := failure{Code: uint32(status.Code(err)), Fields: []string{}}
	for _, detail := range status.Convert(err).Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			told.Infos++
			told.Domain, told.Reason = detail.GetDomain(), detail.GetReason()
		case *errdetails.BadRequest:
			for _, violation := range detail.GetFieldViolations() {
				told.Fields = append(told.Fields, violation.GetField())
			}
		}
	}
	return told
}

func pairs(resources []*dispatcherv1.ResourceMapping) [][2]string {
	named := [][2]string{}
	for _, r := range resources {
		named = append(named, [2]string{r.GetResourceType(), r.GetResourceId()})
	}
	return named
}
