package main

import (
	"encoding/json"
	"errors"
)

// object is a flag's value: a JSON object, or nothing.
type object []byte

func (o *object) String() string { return string(*o) }

// Type names it in the help.
func (o *object) Type() string { return "JSON" }

// Set takes a JSON object.
func (o *object) Set(s string) error {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(s), &members) != nil || members == nil {
		return errors.New(`want a JSON object such as {"url":"http://10.0.0.7:9000"}`)
	}
	*o = object(s)
	return nil
}

// meta returns what the client takes: nil where nothing was given.
func (o object) meta() any {
	if o == nil {
		return nil
	}
	return json.RawMessage(o)
}
