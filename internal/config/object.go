package config

import (
	"encoding/json"
	"errors"
)

// An Object is the value of a flag: a JSON object, or nothing.
type Object []byte

func (o *Object) String() string { return string(*o) }

// Type names the type in the help.
func (o *Object) Type() string { return "JSON" }

// Set sets a JSON object.
func (o *Object) Set(s string) error {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(s), &members) != nil || members == nil {
		return errors.New(`want a JSON object such as {"url":"http://10.0.0.7:9000"}`)
	}
	*o = Object(s)
	return nil
}

// Meta returns the value for the client: nil if the flag was not given.
func (o Object) Meta() any {
	if o == nil {
		return nil
	}
	return json.RawMessage(o)
}
