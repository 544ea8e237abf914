// Package schema describes the kinds of the Kubernetes API that lockd serves. One table for each kind drives the
// decoding of JSON, YAML and protobuf, the checks of types, the OpenAPI documents with their texts, strategic merge
// patches and the field paths of server-side apply.
//
// An object is a tree of map[string]any, []any, string, bool and int64. No kind has fractions, so a tree has no other
// numbers. In a parsed document that is not checked yet, a number that does not fit an int64 is a json.Number. Objects
// have no nulls, and no zero values that the Kubernetes types would omit: two encodings of an object give equal trees.
package schema

import "google.golang.org/protobuf/encoding/protowire"

// A Schema describes a kind. Schemas are tables: nothing changes them.
type Schema struct {
	Group   string // empty for the core group
	Version string
	Kind    string
	Object  *Object
	// AnyVersion is set for kinds that belong to every group, such as DeleteOptions.
	AnyVersion bool
}

// GroupVersion returns the apiVersion of the kind's objects.
func (s *Schema) GroupVersion() string {
	if s.Group == "" {
		return s.Version
	}
	return s.Group + "/" + s.Version
}

// An Object describes a JSON object with known fields.
type Object struct {
	// ID is the name in OpenAPI documents. Its last part is the name in error messages.
	ID          string
	Description string
	Fields      []Field
	Atomic      bool // a server-side apply replaces it as a whole
}

// A Type is the type of a field.
type Type uint8

// The types of fields.
const (
	String    Type = iota
	Bool           // true or false
	Int32          // an integer of 32 bits
	Int64          // an integer of 64 bits
	Time           // a time in seconds
	MicroTime      // a time in microseconds
	Message        // an object with known fields
	Strings        // a list of strings
	Messages       // a list of objects
	Map            // a map of strings to strings
	ListMap        // a map of strings to lists of strings
	FieldSet       // nested objects: the form FieldsV1 of a set of field paths
)

// A Presence is what happens to a field with the zero value of its type.
type Presence uint8

// The presences of fields.
const (
	Omitted Presence = iota // a zero value is the same as none
	Kept                    // a zero value differs from none
	Always                  // a field without a value has the zero value
)

// A List is how lists and maps merge in a server-side apply and in a strategic merge patch.
type List uint8

// The kinds of lists.
const (
	Atomic List = iota // replaced as a whole
	Set                // merged by value
	ByKey              // merged by the value of a field of the elements
)

// A Field describes a field of an object.
type Field struct {
	Name        string
	Number      protowire.Number
	Type        Type
	Presence    Presence
	Object      *Object // of Message and Messages
	List        List    // of Strings and Messages
	Key         string  // of Messages that merge by key
	Required    bool    // as the OpenAPI document states; decoding does not check it
	Description string
}

// Field returns a field by its name, or nil.
func (o *Object) Field(name string) *Field {
	for i := range o.Fields {
		if o.Fields[i].Name == name {
			return &o.Fields[i]
		}
	}
	return nil
}

// number returns a field by its number, or nil.
func (o *Object) number(n protowire.Number) *Field {
	for i := range o.Fields {
		if o.Fields[i].Number == n {
			return &o.Fields[i]
		}
	}
	return nil
}

// All returns the schemas of the kinds that are stored or answered.
func All() []*Schema {
	return []*Schema{
		Lease, LeaseCandidate, CoreEvent, Event, SelfSubjectAccessReview, SelfSubjectRulesReview, SelfSubjectReview,
	}
}

// Of returns the schema of a kind, or nil.
func Of(group, version, kind string) *Schema {
	for _, s := range All() {
		if s.Group == group && s.Version == version && s.Kind == kind {
			return s
		}
	}
	return nil
}
