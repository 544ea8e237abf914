package main

import (
	"encoding/json"
	"errors"
)

// object is the value of a flag: a JSON object, or nothing.
type object []byte

func (o *object) String() string { return string(*o) }

// Type names the type in the help.
func (o *object) Type() string { return "JSON" }

// Set sets a JSON object.
func (o *object) Set(s string) error {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(s), &members) != nil || members == nil {
		return errors.New(`want a JSON object such as {"url":"http://10.0.0.7:9000"}`)
	}
	*o = object(s)
	return nil
}

// meta returns the value for the client: nil if the flag was not given.
func (o object) meta() any {
	if o == nil {
		return nil
	}
	return json.RawMessage(o)
}
