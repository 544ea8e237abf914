package kube

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"

	"github.com/lockd/lockd/internal/kube/resource"
	"github.com/lockd/lockd/internal/kube/selector"
	"github.com/lockd/lockd/internal/kube/table"
	"github.com/lockd/lockd/internal/kube/validate"
)

// texts generates texts of a few tokens.
func texts(tokens ...string) *rapid.Generator[string] {
	return rapid.Map(rapid.SliceOfN(rapid.SampledFrom(tokens), 0, 9), func(list []string) string { return strings.Join(list, "") })
}

func TestLabelSelectorsSelectTheSame(t *testing.T) {
	sets := rapid.MapOf(rapid.SampledFrom([]string{"a", "b", "in", "x/a"}), rapid.SampledFrom([]string{"", "a", "b", "1", "2"}))
	rapid.Check(t, func(t *rapid.T) {
		text := texts("a", "b", "in", " in ", "notin", "(", ")", ",", "!", "=", "==", "!=", ">", "<", " ", "x/a", "1", "-", "\t").Draw(t, "selector")
		theirs, err := labels.Parse(text)
		ours, refused := selector.ParseLabels(text)
		if (err == nil) != (refused == nil) {
			t.Fatalf("%q: %v, Kubernetes: %v", text, refused, err)
		}
		if err != nil {
			if err.Error() != refused.Message {
				t.Fatalf("%q: %v, Kubernetes: %v", text, refused, err)
			}
			return
		}
		set := sets.Draw(t, "labels")
		if ours.Matches(set) != theirs.Matches(labels.Set(set)) || ours.Empty() != theirs.Empty() {
			t.Fatalf("%q on %v: %t, Kubernetes: %t", text, set, ours.Matches(set), theirs.Matches(labels.Set(set)))
		}
	})
}

func TestFieldSelectorsSelectTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := texts("metadata.name", "reason", "=", "==", "!=", "!", ",", "a", `\`, `\,`, `\=`, "b").Draw(t, "selector")
		theirs, err := fields.ParseSelector(text)
		ours, refused := selector.ParseFields(resource.CoreEvents(), text)
		if refused != nil && err == nil && strings.HasPrefix(refused.Message, "field label not supported") {
			return
		}
		if (err == nil) != (refused == nil) {
			t.Fatalf("%q: %v, Kubernetes: %v", text, refused, err)
		}
		if err != nil {
			if err.Error() != refused.Message {
				t.Fatalf("%q: %v, Kubernetes: %v", text, refused, err)
			}
			return
		}
		name, reason := texts("a", "b", ",").Draw(t, "name"), texts("a", "=").Draw(t, "reason")
		object := map[string]any{"metadata": map[string]any{"name": name}, "reason": reason}
		if set := (fields.Set{"metadata.name": name, "reason": reason}); ours.Matches(object) != theirs.Matches(set) {
			t.Fatalf("%q on %v: %t, Kubernetes: %t", text, set, ours.Matches(object), theirs.Matches(set))
		}
	})
}

func TestNamesAreJudgedTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := texts("a", "B", "0", "-", ".", "/", "_", "..", " ", strings.Repeat("x", 60), "\n").Draw(t, "name")
		for name, rules := range map[string][2]func(string) []string{
			"subdomain":   {validate.Subdomain, validation.IsDNS1123Subdomain},
			"label":       {validate.Label, validation.IsDNS1123Label},
			"config key":  {validate.ConfigKey, validation.IsConfigMapKey},
			"label key":   {validate.LabelKey, validation.IsQualifiedName},
			"label value": {validate.LabelValue, validation.IsValidLabelValue},
		} {
			ours, theirs := strings.Join(rules[0](text), "\n"), strings.Join(rules[1](text), "\n")
			if ours != theirs {
				t.Fatalf("%s %q:\n%s\nKubernetes:\n%s", name, text, ours, theirs)
			}
		}
	})
}

func TestAgesAreTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(-5, 12*365*24*3600).Draw(t, "seconds")) * time.Second
		if ours, theirs := table.Age(d), duration.HumanDuration(d); ours != theirs {
			t.Fatalf("%v: %s, Kubernetes: %s", d, ours, theirs)
		}
	})
}
