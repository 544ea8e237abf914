package validate

import (
	"fmt"
	"strings"

	"github.com/lockd/lockd/internal/kube/resource"
	"github.com/lockd/lockd/internal/kube/status"
	"github.com/lockd/lockd/internal/kube/tree"
)

// Create checks a new object whose name has been generated. maxBytes is the maximum Size of the object.
func Create(r resource.Resource, object map[string]any, maxBytes int) []status.Cause {
	var l list
	switch r.Kind {
	case "Lease":
		l.metadata(object, Subdomain)
		l.leaseSpec(object)
	case "LeaseCandidate":
		l.metadata(object, ConfigKey)
		l.candidateSpec(object)
	case "Event":
		l.event(r, object)
		if r.Group == "" {
			l.metadata(object, PathSegment)
		} else {
			l.metadata(object, Subdomain)
			l.newEvent(object)
		}
	}
	l.size(object, maxBytes)
	return l
}

// Update checks an object that replaces another one. The caller has set the parts that a client cannot change, such as
// creationTimestamp.
func Update(r resource.Resource, object, before map[string]any, maxBytes int) []status.Cause {
	var l list
	switch r.Kind {
	case "Lease":
		l.metadataUpdate(object, before)
		l.leaseSpec(object)
	case "LeaseCandidate":
		l.metadataUpdate(object, before)
		l.candidateSpec(object)
		l.immutable(object, before, "spec", "leaseName")
	case "Event":
		l.event(r, object)
		l.metadataUpdate(object, before)
		if r.Group != "" {
			l.changedEvent(object, before)
		}
	}
	l.size(object, maxBytes)
	return l
}

// FieldManager checks the query parameter fieldManager. An apply needs one.
func FieldManager(name string, apply bool) []status.Cause {
	var l list
	if name == "" && apply {
		l.required("fieldManager", "is required for apply patch")
	}
	l.manager("fieldManager", name)
	return l
}

// size checks the size of an object.
func (l *list) size(object map[string]any, most int) {
	if Size(object) > most {
		field := ""
		if Size(tree.At(object, "metadata", "annotations")) > most/2 {
			field = "metadata.annotations"
		}
		l.tooLong(field, most)
	}
}

// Size returns the size of a value in bytes: that of its names and strings, and 8 for each other value.
func Size(value any) int {
	total := 0
	switch value := value.(type) {
	case nil:
	case string:
		total = len(value)
	case map[string]any:
		for name, field := range value {
			total += len(name) + Size(field)
		}
	case []any:
		for _, element := range value {
			total += Size(element)
		}
	default:
		total = 8
	}
	return total
}

func (l *list) leaseSpec(object map[string]any) {
	if n := tree.Int(object, "spec", "leaseDurationSeconds"); n <= 0 && tree.Has(object, "spec", "leaseDurationSeconds") {
		l.invalid("spec.leaseDurationSeconds", n, "must be greater than 0")
	}
	if n := tree.Int(object, "spec", "leaseTransitions"); n < 0 {
		l.invalid("spec.leaseTransitions", n, "must be greater than or equal to 0")
	}
	strategy := tree.String(object, "spec", "strategy")
	if tree.Has(object, "spec", "strategy") {
		l.strategy(strategy)
	}
	if tree.String(object, "spec", "preferredHolder") != "" && strategy == "" {
		l.forbidden("spec.preferredHolder", "may only be specified if `strategy` is defined")
	}
}

// OldestEmulationVersion is the strategy of Kubernetes for coordinated elections.
const OldestEmulationVersion = "OldestEmulationVersion"

// strategy checks the name of a strategy: that of Kubernetes, or another one with a prefix.
func (l *list) strategy(name string) {
	if strings.Contains(name, "/") {
		l.invalidFor("spec.strategy", name, LabelKey(name))
	} else if name != OldestEmulationVersion {
		l.unsupported("spec.strategy", name, OldestEmulationVersion)
	}
}

func (l *list) candidateSpec(object map[string]any) {
	if tree.String(object, "spec", "leaseName") == "" {
		l.required("spec.leaseName", "")
	}
	emulationText, binaryText := tree.String(object, "spec", "emulationVersion"), tree.String(object, "spec", "binaryVersion")
	emulation := l.version("spec.emulationVersion", emulationText)
	if binaryText == "" {
		l.required("spec.binaryVersion", "")
	}
	binary := l.version("spec.binaryVersion", binaryText)
	if binaryText != "" && emulationText != "" && binary.Compare(emulation) < 0 {
		l.invalid("spec.binaryVersion", binaryText, "must be greater than or equal to `emulationVersion`")
	}
	strategy := tree.String(object, "spec", "strategy")
	if strategy == "" {
		l.required("spec.strategy", "")
		return
	}
	if strategy == OldestEmulationVersion && emulation.Compare(Version{}) == 0 {
		l.required("spec.emulationVersion", fmt.Sprintf("must be specified when `strategy` is '%s'", OldestEmulationVersion))
	}
	l.strategy(strategy)
}

// version reads a version that may be empty.
func (l *list) version(field, text string) Version {
	if text == "" {
		return Version{}
	}
	v, err := ParseVersion(text)
	if err != nil {
		l.invalid(field, text, err.Error())
	}
	return v
}
