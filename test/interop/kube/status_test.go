package kube

import (
	"encoding/json"
	"errors"
	"testing"

	apidiscovery "k8s.io/api/apidiscovery/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"

	"github.com/lockd/lockd/internal/kube/discovery"
	"github.com/lockd/lockd/internal/kube/resource"
	"github.com/lockd/lockd/internal/kube/status"
)

func TestStatusesAreThoseOfKubernetes(t *testing.T) {
	lease, group, kind := resource.Leases(), runtimeschema.GroupResource{Group: "coordination.k8s.io", Resource: "leases"}, runtimeschema.GroupKind{Group: "coordination.k8s.io", Kind: "Lease"}
	invalid := field.ErrorList{field.Invalid(field.NewPath("spec", "leaseDurationSeconds"), int32(0), "must be greater than 0"), field.Required(field.NewPath("metadata", "name"), "")}
	causes := []status.Cause{
		{Reason: "FieldValueInvalid", Field: "spec.leaseDurationSeconds", Message: "Invalid value: 0: must be greater than 0"},
		{Reason: "FieldValueRequired", Field: "metadata.name", Message: "Required value"},
	}
	for name, pair := range map[string]struct {
		ours   *status.Status
		theirs *apierrors.StatusError
	}{
		"not found":        {status.NotFound(lease, "a"), apierrors.NewNotFound(group, "a")},
		"exists":           {status.AlreadyExists(lease, "a"), apierrors.NewAlreadyExists(group, "a")},
		"conflict":         {status.Conflict(lease, "a", status.Modified), apierrors.NewConflict(group, "a", errors.New(status.Modified))},
		"invalid":          {status.Invalid(lease, "a", causes), apierrors.NewInvalid(kind, "a", invalid)},
		"bad request":      {status.BadRequest("x"), apierrors.NewBadRequest("x")},
		"expired":          {status.Expired("x"), apierrors.NewResourceExpired("x")},
		"method":           {status.MethodNotSupported(lease, "patch"), apierrors.NewMethodNotSupported(group, "patch")},
		"too large":        {status.TooLarge("limit is 5"), apierrors.NewRequestEntityTooLargeError("limit is 5")},
		"too many":         {status.TooManyRequests("x", 3), apierrors.NewTooManyRequests("x", 3)},
		"timeout":          {status.Timeout("x", 3), apierrors.NewTimeoutError("x", 3)},
		"internal":         {status.InternalError("x"), apierrors.NewInternalError(errors.New("x"))},
		"unknown resource": {status.UnknownResource(), apierrors.NewGenericServerResponse(404, "", runtimeschema.GroupResource{}, "", "", 0, false)},
	} {
		var ours, theirs map[string]any
		_ = json.Unmarshal(encode(pair.ours), &ours)
		_ = json.Unmarshal(encode(pair.theirs.Status()), &theirs)
		delete(ours, "kind")
		delete(ours, "apiVersion")
		if got, want := string(encode(ours)), string(encode(theirs)); got != want {
			t.Errorf("%s: %s, want\n%s", name, got, want)
		}
	}
}

func TestDiscoveryDocumentsAreThoseOfKubernetes(t *testing.T) {
	for path, tt := range map[string]struct {
		accept string
		into   any
	}{
		"/api": {"", new(metav1.APIVersions)}, "/apis": {"", new(metav1.APIGroupList)}, "/apis/coordination.k8s.io": {"", new(metav1.APIGroup)},
		"/apis/coordination.k8s.io/v1": {"", new(metav1.APIResourceList)}, "/api/v1": {"", new(metav1.APIResourceList)},
		"/apis/": {"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", new(apidiscovery.APIGroupDiscoveryList)},
	} {
		if path == "/apis/" {
			path = "/apis"
		}
		d, refused, ok := discovery.Find(path, tt.accept)
		if !ok || refused != nil {
			t.Fatal(path, refused)
		}
		if strict, err := kjson.UnmarshalStrict(d.Body, tt.into); err != nil || len(strict) > 0 {
			t.Errorf("%s: %v, %v", path, err, strict)
		}
	}
}
