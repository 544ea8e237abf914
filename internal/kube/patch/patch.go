// Package patch changes objects of the Kubernetes API by patches: JSON patches (RFC 6902), merge patches (RFC 7386),
// strategic merge patches and server-side applies with their ownership of fields.
package patch

import (
	"encoding/json"
	"fmt"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/lockd/lockd/internal/kube/schema"
	"github.com/lockd/lockd/internal/kube/status"
	"github.com/lockd/lockd/internal/kube/tree"
)

const (
	// maxOperations is the maximum number of operations of a JSON patch.
	maxOperations = 10_000
	// maxCopies bounds what the copy operations of a JSON patch add, in bytes.
	maxCopies = 1 << 20
)

// Change returns the object that a patch makes of live, which has its kind and apiVersion and is not changed. contentType is one of schema.PatchTypes
// except the apply patch. problems has the unknown and the duplicate fields, as of schema.Decode.
func Change(s *schema.Schema, contentType string, live map[string]any, body []byte) (object map[string]any, problems []string, refused *status.Status) {
	if len(body) > schema.MaxBody {
		return nil, nil, status.TooLarge(fmt.Sprintf("limit is %d", schema.MaxBody))
	}
	var changed map[string]any
	switch schema.MediaType(contentType) {
	case schema.JSONPatch:
		changed, refused = JSON(live, body)
	case schema.MergePatch, schema.StrategicPatch:
		var patch map[string]any
		if patch, problems, refused = document(body); refused != nil {
			break
		}
		if schema.MediaType(contentType) == schema.MergePatch {
			changed = Merge(live, patch)
		} else {
			changed, refused = Strategic(s, live, patch)
		}
	default:
		refused = status.UnsupportedMediaType(schema.PatchTypes()...)
	}
	if refused != nil {
		return nil, nil, refused
	}
	object, unknown, err := s.Conform(changed)
	if err != nil {
		return nil, nil, invalid(changed, err.Error())
	}
	if tree.String(object, "kind") != tree.String(live, "kind") || tree.String(object, "apiVersion") != tree.String(live, "apiVersion") {
		return nil, nil, invalid(changed, "the kind and the apiVersion cannot be changed")
	}
	return object, append(problems, unknown...), nil
}

// Strict returns the error for problems of a patch if the client wants strict validation.
func Strict(object map[string]any, problems []string) *status.Status {
	return invalid(object, schema.Strict(problems))
}

func invalid(object map[string]any, problem string) *status.Status {
	text, err := json.Marshal(object)
	if err != nil {
		text = nil // a number that is not JSON, from a patch
	}
	return status.InvalidPatch(string(text), problem)
}

// document reads a patch that is an object.
func document(body []byte) (map[string]any, []string, *status.Status) {
	value, duplicates, err := schema.ParseJSON(body)
	if err != nil {
		return nil, nil, status.BadRequest(fmt.Sprintf("error decoding patch: %v", err))
	}
	patch, ok := value.(map[string]any)
	if !ok {
		return nil, nil, status.BadRequest("error decoding patch: the patch must be a JSON object")
	}
	return patch, duplicates, nil
}

// JSON applies a JSON patch. The result is not checked.
func JSON(live map[string]any, body []byte) (map[string]any, *status.Status) {
	operations, err := jsonpatch.DecodePatch(body)
	if err != nil {
		return nil, status.BadRequest(err.Error())
	}
	if len(operations) > maxOperations {
		return nil, status.TooLarge(fmt.Sprintf("The allowed maximum operations in a JSON patch is %d, got %d", maxOperations, len(operations)))
	}
	text, err := json.Marshal(live)
	if err != nil {
		return nil, status.InternalError(err.Error())
	}
	options := jsonpatch.NewApplyOptions()
	options.AccumulatedCopySizeLimit = maxCopies
	if text, err = operations.ApplyWithOptions(text, options); err != nil {
		return nil, status.FailedPatch(err.Error())
	}
	value, _, err := schema.ParseJSON(text)
	if err != nil {
		return nil, status.FailedPatch(err.Error())
	}
	changed, ok := value.(map[string]any)
	if !ok {
		return nil, status.InvalidPatch(string(text), "the result must be an object")
	}
	return changed, nil
}

// Merge applies a merge patch. The result is not checked.
func Merge(live, patch map[string]any) map[string]any {
	merged := make(map[string]any, len(live))
	for name, value := range live {
		merged[name] = tree.Clone(value)
	}
	for name, value := range patch {
		switch value := value.(type) {
		case nil:
			delete(merged, name)
		case map[string]any:
			below, _ := merged[name].(map[string]any)
			merged[name] = Merge(below, value)
		default:
			merged[name] = tree.Clone(value)
		}
	}
	return merged
}
