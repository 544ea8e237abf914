// Package resource lists the resources of the Kubernetes API that lockd serves. Discovery, the OpenAPI documents, the
// tables and the routes all follow this list.
package resource

import "slices"

// A Resource is one kind of object and the path under which it is served.
type Resource struct {
	Group      string // empty for the core group
	Version    string
	Kind       string
	Plural     string // the name in paths
	Singular   string
	Namespaced bool
	ShortNames []string
	Verbs      []string // sorted
}

// GroupVersion returns the apiVersion of the resource's objects: "v1" or "coordination.k8s.io/v1".
func (r Resource) GroupVersion() string {
	if r.Group == "" {
		return r.Version
	}
	return r.Group + "/" + r.Version
}

// Qualified returns the plural name with the group, as messages contain it: "leases.coordination.k8s.io".
func (r Resource) Qualified() string { return join(r.Plural, r.Group) }

// QualifiedKind returns the kind with the group, as messages contain it: "Lease.coordination.k8s.io".
func (r Resource) QualifiedKind() string { return join(r.Kind, r.Group) }

func join(name, group string) string {
	if group == "" {
		return name
	}
	return name + "." + group
}

// Has reports whether the resource is served with a verb.
func (r Resource) Has(verb string) bool { return slices.Contains(r.Verbs, verb) }

// stored are the verbs of resources whose objects are stored.
func stored() []string {
	return []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
}

// Leases returns the resource of coordination.k8s.io/v1 Leases.
func Leases() Resource {
	return Resource{
		Group: "coordination.k8s.io", Version: "v1", Kind: "Lease", Plural: "leases", Singular: "lease",
		Namespaced: true, Verbs: stored(),
	}
}

// LeaseCandidates returns the resource of coordination.k8s.io/v1beta1 LeaseCandidates.
func LeaseCandidates() Resource {
	return Resource{
		Group: "coordination.k8s.io", Version: "v1beta1", Kind: "LeaseCandidate", Plural: "leasecandidates",
		Singular: "leasecandidate", Namespaced: true, Verbs: stored(),
	}
}

// CoreEvents returns the resource of v1 Events.
func CoreEvents() Resource {
	return Resource{
		Version: "v1", Kind: "Event", Plural: "events", Singular: "event",
		Namespaced: true, ShortNames: []string{"ev"}, Verbs: stored(),
	}
}

// Events returns the resource of events.k8s.io/v1 Events.
func Events() Resource {
	return Resource{
		Group: "events.k8s.io", Version: "v1", Kind: "Event", Plural: "events", Singular: "event",
		Namespaced: true, ShortNames: []string{"ev"}, Verbs: stored(),
	}
}

// review returns a resource whose objects are answered and never stored.
func review(group, kind, plural, singular string) Resource {
	return Resource{Group: group, Version: "v1", Kind: kind, Plural: plural, Singular: singular, Verbs: []string{"create"}}
}

// SelfSubjectAccessReviews returns the resource that answers `kubectl auth can-i`.
func SelfSubjectAccessReviews() Resource {
	return review("authorization.k8s.io", "SelfSubjectAccessReview", "selfsubjectaccessreviews", "selfsubjectaccessreview")
}

// SelfSubjectRulesReviews returns the resource that answers `kubectl auth can-i --list`.
func SelfSubjectRulesReviews() Resource {
	return review("authorization.k8s.io", "SelfSubjectRulesReview", "selfsubjectrulesreviews", "selfsubjectrulesreview")
}

// SelfSubjectReviews returns the resource that answers `kubectl auth whoami`.
func SelfSubjectReviews() Resource {
	return review("authentication.k8s.io", "SelfSubjectReview", "selfsubjectreviews", "selfsubjectreview")
}

// All returns every resource, ordered by group, then by the version that a client prefers, then by name.
func All() []Resource {
	return []Resource{
		CoreEvents(),
		SelfSubjectReviews(),
		SelfSubjectAccessReviews(),
		SelfSubjectRulesReviews(),
		Leases(),
		LeaseCandidates(),
		Events(),
	}
}

// Of returns the resources of a group and version.
func Of(group, version string) []Resource {
	return slices.DeleteFunc(All(), func(r Resource) bool { return r.Group != group || r.Version != version })
}

// Find returns the resource of a path.
func Find(group, version, plural string) (Resource, bool) {
	for _, r := range Of(group, version) {
		if r.Plural == plural {
			return r, true
		}
	}
	return Resource{}, false
}
