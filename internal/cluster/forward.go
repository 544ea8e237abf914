package cluster

import (
	"context"
	"encoding/json"

	"github.com/lockd/lockd/internal/cluster/replies"
	"github.com/lockd/lockd/internal/transport"
)

// The calls between nodes. Numbers cross the wire: add at the end.
const (
	callDo        byte = iota + 1 // a command for the leader
	callQuery                     // a linearizable read for the leader
	callIntroduce                 // a member's record, for the leader
	callJoin                      // a new node asks to become a member
	callForm                      // the lowest name asks the others to form a cluster
	callRemove                    // an operator's request, for the leader
	callTransfer                  // likewise
	callIdentify                  // a node searches for others; every caller is answered
	callReport                    // a member asks what this node states about itself
)

// askJSON makes a call whose question and answer are JSON.
func askJSON[A any](ctx context.Context, c *transport.Client, method byte, question any) (a A, err error) {
	answer, err := c.Call(ctx, method, asJSON(question))
	if err != nil {
		return a, err
	}
	if err := replies.Error(answer.Status, answer.Payload); err != nil {
		return a, err
	}
	return a, json.Unmarshal(answer.Payload, &a)
}

// asJSON encodes a request in the same way in every version: a reader of JSON ignores
// unknown fields.
func asJSON(question any) func(version uint64) ([]byte, error) {
	return func(uint64) ([]byte, error) { return json.Marshal(question) }
}
