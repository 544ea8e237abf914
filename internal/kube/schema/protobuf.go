package schema

import (
	"bytes"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// envelopePrefix starts every protobuf body of Kubernetes.
const envelopePrefix = "k8s\x00"

// openEnvelope returns the kind, the apiVersion and the message in a runtime.Unknown.
func openEnvelope(body []byte) (apiVersion, kind string, message []byte, err error) {
	rest, ok := bytes.CutPrefix(body, []byte(envelopePrefix))
	switch {
	case len(body) == 0:
		return "", "", nil, errors.New("empty data")
	case !ok:
		return "", "", nil, fmt.Errorf("provided data does not appear to be a protobuf message, expected prefix %v", []byte(envelopePrefix))
	case len(rest) == 0:
		return "", "", nil, errors.New("empty body")
	}
	var encoding, contentType string
	err = eachField(rest, func(n protowire.Number, v wireValue) error {
		var err error
		switch n {
		case 1:
			apiVersion, kind, err = typeMeta(v)
		case 2:
			message, err = v.bytes("raw")
		case 3:
			encoding, err = v.text("contentEncoding")
		case 4:
			contentType, err = v.text("contentType")
		}
		return err
	})
	switch {
	case err != nil:
	case encoding != "":
		err = fmt.Errorf("contentEncoding %q is not supported: send the message without an encoding", encoding)
	case contentType != "" && contentType != Protobuf:
		err = fmt.Errorf("contentType %q is not supported in a protobuf body: send a protobuf message", contentType)
	}
	return apiVersion, kind, message, err
}

func typeMeta(v wireValue) (apiVersion, kind string, err error) {
	b, err := v.bytes("typeMeta")
	if err != nil {
		return "", "", err
	}
	err = eachField(b, func(n protowire.Number, v wireValue) error {
		var err error
		switch n {
		case 1:
			apiVersion, err = v.text("apiVersion")
		case 2:
			kind, err = v.text("kind")
		}
		return err
	})
	return apiVersion, kind, err
}

// A wireValue is the value of a field in a message.
type wireValue struct {
	kind   protowire.Type
	varint uint64
	raw    []byte
}

// eachField calls f for each field of a message, in order.
func eachField(b []byte, f func(protowire.Number, wireValue) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		v := wireValue{kind: kind}
		switch kind {
		case protowire.VarintType:
			v.varint, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			v.raw, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if err := f(number, v); err != nil {
			return err
		}
	}
	return nil
}

func (v wireValue) bytes(field string) ([]byte, error) {
	if v.kind != protowire.BytesType {
		return nil, fmt.Errorf("proto: wrong wireType = %d for field %s", v.kind, field)
	}
	return v.raw, nil
}

func (v wireValue) text(field string) (string, error) {
	b, err := v.bytes(field)
	if err != nil {
		return "", err
	}
	if !utf8.Valid(b) {
		return "", fmt.Errorf("field %s contains invalid UTF-8: encode strings as UTF-8", field)
	}
	return string(b), nil
}

func (v wireValue) integer(field string) (uint64, error) {
	if v.kind != protowire.VarintType {
		return 0, fmt.Errorf("proto: wrong wireType = %d for field %s", v.kind, field)
	}
	return v.varint, nil
}

// unmarshal adds the fields of a message to a tree. Conform then makes an object of the tree. Unknown fields are
// skipped, as kube-apiserver does.
func (o *Object) unmarshal(b []byte, tree map[string]any) error {
	return eachField(b, func(n protowire.Number, v wireValue) error {
		field := o.number(n)
		if field == nil {
			return nil
		}
		return field.unmarshal(v, tree)
	})
}

func (f *Field) unmarshal(v wireValue, tree map[string]any) error {
	switch f.Type {
	case Bool, Int32, Int64:
		n, err := v.integer(f.Name)
		tree[f.Name] = f.fromVarint(n)
		return err
	case String:
		text, err := v.text(f.Name)
		tree[f.Name] = text
		return err
	case Strings:
		text, err := v.text(f.Name)
		elements, _ := tree[f.Name].([]any)
		tree[f.Name] = append(elements, text)
		return err
	}
	b, err := v.bytes(f.Name)
	if err != nil {
		return err
	}
	switch f.Type {
	case Time, MicroTime:
		return f.unmarshalTime(b, tree)
	case Message:
		return f.Object.unmarshal(b, child(tree, f.Name))
	case Messages:
		element := make(map[string]any)
		elements, _ := tree[f.Name].([]any)
		tree[f.Name] = append(elements, element)
		return f.Object.unmarshal(b, element)
	case Map, ListMap:
		return f.unmarshalEntry(b, child(tree, f.Name))
	default:
		return f.unmarshalFieldSet(b, tree)
	}
}

// fromVarint returns the value of a varint. Bits above the size of the field are lost, as in Go's generated code.
func (f *Field) fromVarint(n uint64) any {
	switch f.Type {
	case Bool:
		return n != 0
	case Int32:
		return int64(int32(n))
	default:
		return int64(n)
	}
}

// child returns the object of a field, which it makes if there is none.
func child(tree map[string]any, name string) map[string]any {
	below, ok := tree[name].(map[string]any)
	if !ok {
		below = make(map[string]any)
		tree[name] = below
	}
	return below
}

// unmarshalTime reads a message of seconds and nanoseconds. An empty one is no time.
func (f *Field) unmarshalTime(b []byte, tree map[string]any) error {
	if len(b) == 0 {
		delete(tree, f.Name)
		return nil
	}
	var seconds, nanos uint64
	err := eachField(b, func(n protowire.Number, v wireValue) error {
		var err error
		switch n {
		case 1:
			seconds, err = v.integer("seconds")
		case 2:
			nanos, err = v.integer("nanos")
		}
		return err
	})
	if err != nil {
		return err
	}
	t := time.Unix(int64(seconds), int64(int32(nanos))).UTC()
	if err := inRange(t); err != nil {
		return fmt.Errorf("field %s: %w", f.Name, err)
	}
	if f.Type == Time {
		tree[f.Name] = FormatTime(time.Unix(int64(seconds), 0))
	} else {
		tree[f.Name] = FormatMicroTime(t)
	}
	return nil
}

// unmarshalEntry reads an entry of a map.
func (f *Field) unmarshalEntry(b []byte, entries map[string]any) error {
	key, value := "", zero(f.elementType())
	err := eachField(b, func(n protowire.Number, v wireValue) error {
		var err error
		switch {
		case n == 1:
			key, err = v.text(f.Name)
		case n == 2 && f.Type == Map:
			value, err = v.text(f.Name)
		case n == 2:
			value, err = listValue(f.Name, v)
		}
		return err
	})
	entries[key] = value
	return err
}

// listValue reads a message whose field 1 is a list of strings.
func listValue(field string, v wireValue) (any, error) {
	b, err := v.bytes(field)
	if err != nil {
		return nil, err
	}
	list := []any{}
	err = eachField(b, func(n protowire.Number, v wireValue) error {
		if n != 1 {
			return nil
		}
		text, err := v.text(field)
		list = append(list, text)
		return err
	})
	return list, err
}

// unmarshalFieldSet reads a message whose field 1 is a JSON document.
func (f *Field) unmarshalFieldSet(b []byte, tree map[string]any) error {
	return eachField(b, func(n protowire.Number, v wireValue) error {
		if n != 1 {
			return nil
		}
		raw, err := v.bytes(f.Name)
		if err != nil || len(raw) == 0 {
			return err
		}
		tree[f.Name], _, err = ParseJSON(raw)
		return err
	})
}
