package resource

import (
	"slices"
	"strings"
	"testing"
)

func TestResourcesAreConsistent(t *testing.T) {
	for _, r := range All() {
		if r.Singular != strings.ToLower(r.Kind) || r.Plural != r.Singular+"s" || !slices.IsSorted(r.Verbs) {
			t.Errorf("%+v", r)
		}
		if found, ok := Find(r.Group, r.Version, r.Plural); !ok || found.Kind != r.Kind {
			t.Errorf("%s is not found", r.Qualified())
		}
	}
	if _, ok := Find("coordination.k8s.io", "v1beta1", "leases"); ok {
		t.Error("a resource is found in another version")
	}
}

func TestResourceNames(t *testing.T) {
	lease, event := Leases(), CoreEvents()
	for got, want := range map[string]string{
		lease.GroupVersion(): "coordination.k8s.io/v1", event.GroupVersion(): "v1",
		lease.Qualified(): "leases.coordination.k8s.io", event.Qualified(): "events",
		lease.QualifiedKind(): "Lease.coordination.k8s.io",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if !lease.Has("watch") || SelfSubjectReviews().Has("get") {
		t.Error("the verbs are wrong")
	}
}
