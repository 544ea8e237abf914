package schema

import (
	"encoding/hex"
	"fmt"
	"mime"
	"strings"

	"github.com/lockd/lockd/internal/kube/status"
)

// The content types of bodies. A body without a type is JSON.
const (
	JSON     = "application/json"
	YAML     = "application/yaml"
	Protobuf = "application/vnd.kubernetes.protobuf"
)

// MediaType returns the media type of a header Content-Type without its parameters, or "" if it is malformed. An empty
// header is JSON.
func MediaType(contentType string) string {
	if contentType == "" {
		return JSON
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ""
	}
	return media
}

// Decode reads the object of a body. problems has the texts of unknown and duplicate fields, which the caller reports
// as a warning or, with Strict, as an error.
func Decode(s *Schema, contentType string, body []byte) (object map[string]any, problems []string, refused *status.Status) {
	if len(body) > MaxBody {
		return nil, nil, status.TooLarge(fmt.Sprintf("limit is %d", MaxBody))
	}
	var tree map[string]any
	switch MediaType(contentType) {
	case JSON:
		tree, problems, refused = s.document(body, ParseJSON)
	case YAML:
		tree, problems, refused = s.document(body, ParseYAML)
	case Protobuf:
		tree, refused = s.message(body)
	default:
		refused = status.UnsupportedMediaType(JSON, YAML, Protobuf)
	}
	if refused != nil {
		return nil, nil, refused
	}
	if refused := s.checkKind(tree); refused != nil {
		return nil, nil, refused
	}
	object, unknown, err := s.Conform(tree)
	if err != nil {
		return nil, nil, s.cannotHandle(s.Kind, s.Version, err)
	}
	return object, append(problems, unknown...), nil
}

// Strict returns the text of the error for problems that Decode found.
func Strict(problems []string) string {
	return "strict decoding error: " + strings.Join(problems, ", ")
}

// DecodePartial reads the body of a server-side apply, which is YAML or JSON, as Decode does. It adds no fields.
func DecodePartial(s *Schema, body []byte) (part map[string]any, problems []string, refused *status.Status) {
	tree, problems, refused := s.document(body, ParseYAML)
	if refused == nil {
		refused = s.checkKind(tree)
	}
	if refused != nil {
		return nil, nil, refused
	}
	part, unknown, err := s.ConformPartial(tree)
	if err != nil {
		return nil, nil, s.cannotHandle(s.Kind, s.Version, err)
	}
	return part, append(problems, unknown...), nil
}

// document reads a JSON or YAML body.
func (s *Schema) document(body []byte, parse func([]byte) (any, []string, error)) (map[string]any, []string, *status.Status) {
	value, duplicates, err := parse(body)
	if err != nil {
		return nil, nil, s.unrecognized(fmt.Errorf("couldn't get version/kind; json parse error: %w", err), body)
	}
	tree, ok := value.(map[string]any)
	if !ok && value != nil {
		err := fmt.Errorf("json: cannot unmarshal %s into Go value of type %s", nameOf(value), s.Object.goName())
		return nil, nil, s.unrecognized(err, body)
	}
	for _, name := range []string{"apiVersion", "kind"} {
		switch tree[name].(type) {
		case string, nil:
		default:
			err := fmt.Errorf("couldn't get version/kind; json parse error: json: cannot unmarshal %s into Go struct field .%s of type string", nameOf(tree[name]), name)
			return nil, nil, s.unrecognized(err, body)
		}
	}
	if tree == nil {
		tree = make(map[string]any)
	}
	return tree, duplicates, nil
}

// message reads a protobuf body.
func (s *Schema) message(body []byte) (map[string]any, *status.Status) {
	apiVersion, kind, message, err := openEnvelope(body)
	if err != nil {
		return nil, s.unrecognized(err, body)
	}
	tree := map[string]any{"apiVersion": apiVersion, "kind": kind}
	if refused := s.checkKind(tree); refused != nil {
		return nil, refused
	}
	if err := s.Object.unmarshal(message, tree); err != nil {
		return nil, s.cannotHandle(s.Kind, s.Version, err)
	}
	return tree, nil
}

// checkKind fills in the kind and the apiVersion of a tree, and refuses others than the schema's.
func (s *Schema) checkKind(tree map[string]any) *status.Status {
	kind, _ := tree["kind"].(string)
	if kind == "" {
		kind = s.Kind
	}
	apiVersion, _ := tree["apiVersion"].(string)
	if apiVersion == "" {
		apiVersion = s.GroupVersion()
	}
	_, version, ok := strings.Cut(apiVersion, "/")
	if !ok {
		version = apiVersion
	}
	switch {
	case kind != s.Kind:
		return s.cannotHandle(kind, version, fmt.Errorf("no kind %q is registered for version %q", kind, apiVersion))
	case apiVersion != s.GroupVersion() && !s.AnyVersion:
		return status.BadRequest(fmt.Sprintf("the API version in the data (%s) does not match the expected API version (%s)", apiVersion, s.GroupVersion()))
	}
	tree["kind"], tree["apiVersion"] = kind, apiVersion
	return nil
}

func (s *Schema) cannotHandle(kind, version string, err error) *status.Status {
	return status.BadRequest(fmt.Sprintf("%s in version %q cannot be handled as a %s: %v", kind, version, s.Kind, err))
}

func (s *Schema) unrecognized(err error, body []byte) *status.Status {
	return status.BadRequest(fmt.Sprintf("the object provided is unrecognized (must be of type %s): %v (%s)", s.Kind, err, summary(body)))
}

// summary returns the start of a body: as text if it looks like JSON, else in hexadecimal digits.
func summary(body []byte) string {
	const most = 30
	start, more := body, ""
	if len(body) > most {
		start, more = body[:most], " ..."
	}
	switch {
	case len(body) == 0:
		return "<empty>"
	case body[0] == '{':
		return strings.ToValidUTF8(string(start), "\uFFFD") + more
	default:
		return hex.EncodeToString(start) + more
	}
}
