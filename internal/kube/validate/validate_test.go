package validate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockd/lockd/internal/kube/resource"
	"github.com/lockd/lockd/internal/kube/schema"
	"github.com/lockd/lockd/internal/kube/status"
)

const limit = 16 << 10

func object(t *testing.T, r resource.Resource, body string) map[string]any {
	t.Helper()
	o, problems, refused := schema.Decode(schema.Of(r.Group, r.Version, r.Kind), "", []byte(body))
	if refused != nil || len(problems) > 0 {
		t.Fatalf("%s: %v, %q", body, refused, problems)
	}
	return o
}

// texts returns the causes as "reason field: message".
func texts(causes []status.Cause) []string {
	list := make([]string, len(causes))
	for i, c := range causes {
		list[i] = c.Reason + " " + c.Field + ": " + c.Message
	}
	return list
}

// check compares causes with the starts of their expected texts.
func check(t *testing.T, name string, causes []status.Cause, want ...string) {
	t.Helper()
	got := texts(causes)
	ok := len(got) == len(want)
	for i := range min(len(got), len(want)) {
		ok = ok && strings.HasPrefix(got[i], want[i])
	}
	if !ok {
		t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestCreateLease(t *testing.T) {
	for _, tt := range []struct {
		meta, spec string
		want       []string
	}{
		{`"name":"a"`, `"leaseDurationSeconds":1,"leaseTransitions":0,"holderIdentity":""`, nil},
		{`"name":"a"`, `"leaseDurationSeconds":0`, []string{"FieldValueInvalid spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"}},
		{`"name":"a"`, `"leaseTransitions":-1`, []string{"FieldValueInvalid spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0"}},
		{`"name":"a"`, `"preferredHolder":"b"`, []string{"FieldValueForbidden spec.preferredHolder: Forbidden: may only be specified if `strategy` is defined"}},
		{`"name":"a"`, `"preferredHolder":"b","strategy":"example.com/mine"`, nil},
		{`"name":"a"`, `"strategy":"Mine"`, []string{`FieldValueNotSupported spec.strategy: Unsupported value: "Mine": supported values: "OldestEmulationVersion"`}},
		{`"name":"a"`, `"strategy":"a/b/c"`, []string{`FieldValueInvalid spec.strategy: Invalid value: "a/b/c": a valid label key must consist`}},
		{``, ``, []string{"FieldValueRequired metadata.name: Required value: name or generateName is required"}},
		{`"name":"A_b"`, ``, []string{`FieldValueInvalid metadata.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`}},
		{`"name":"` + strings.Repeat("a", 254) + `"`, ``, []string{`FieldValueInvalid metadata.name: Invalid value: "aaa`}},
		{`"name":"a","generateName":"b-"`, ``, nil},
		{`"name":"a","generateName":"-"`, ``, []string{`FieldValueInvalid metadata.generateName`}},
		{`"name":"a","labels":{"a/b/c":"x","b":"-"}`, ``, []string{`FieldValueInvalid metadata.labels: Invalid value: "a/b/c": a valid label key`, `FieldValueInvalid metadata.labels: Invalid value: "-": a valid label must be an empty string or`}},
		{`"name":"a","annotations":{"UPPER/x":"y","/x":"y"}`, ``, []string{`FieldValueInvalid metadata.annotations: Invalid value: "/x": prefix part must be non-empty`}},
		{`"name":"a","annotations":{"x":"` + strings.Repeat("y", limit) + `"}`, ``, []string{`FieldValueTooLong metadata.annotations: Too long: may not be more than 16384 bytes`}},
		{`"name":"a"`, `"holderIdentity":"` + strings.Repeat("y", limit) + `"`, []string{`FieldValueTooLong : Too long: may not be more than 16384 bytes`}},
		{`"name":"a","finalizers":["orphan","foregroundDeletion","a b"]`, ``, []string{`FieldValueInvalid metadata.finalizers: Invalid value: "a b": name part must consist`, `FieldValueInvalid metadata.finalizers: Invalid value: ["orphan","foregroundDeletion","a b"]: finalizer orphan and foregroundDeletion cannot be both set`}},
		{`"name":"a","ownerReferences":[{"apiVersion":"a/b/c","kind":"K","name":"n","uid":"u"},{}]`, ``, []string{
			`FieldValueInvalid metadata.ownerReferences[0].apiVersion: Invalid value: "a/b/c": must be <group>/<version> or <version>`,
			`FieldValueRequired metadata.ownerReferences[1].apiVersion: Required value: must not be empty`,
			`FieldValueRequired metadata.ownerReferences[1].kind`, `FieldValueRequired metadata.ownerReferences[1].name`, `FieldValueRequired metadata.ownerReferences[1].uid`}},
		{`"name":"a","ownerReferences":[{"apiVersion":"v1","kind":"Event","name":"n","uid":"u","controller":true},{"apiVersion":"v1","kind":"K","name":"n","uid":"v","controller":true}]`, ``, []string{
			`FieldValueInvalid metadata.ownerReferences[0]: Invalid value: {`, `FieldValueInvalid metadata.ownerReferences: Invalid value: [{`}},
		{`"name":"a","managedFields":[{"operation":"X","fieldsType":"V2","manager":"a\u0001"},{}]`, ``, []string{
			`FieldValueNotSupported metadata.managedFields[0].operation`, `FieldValueInvalid metadata.managedFields[0].fieldsType`, `FieldValueInvalid metadata.managedFields[0].manager`, `FieldValueRequired metadata.managedFields[1].operation`}},
	} {
		meta := strings.TrimSuffix(`"namespace":"default",`+tt.meta, ",")
		body := fmt.Sprintf(`{"metadata":{%s},"spec":{%s}}`, meta, tt.spec)
		check(t, fmt.Sprintf("%.90s", body), Create(resource.Leases(), object(t, resource.Leases(), body), limit), tt.want...)
	}
	bad := object(t, resource.Leases(), `{"metadata":{"name":"a","namespace":"a.b"}}`)
	check(t, "a namespace with a dot", Create(resource.Leases(), bad, limit), `FieldValueInvalid metadata.namespace: Invalid value: "a.b": must not contain dots`)
}

func TestUpdateLease(t *testing.T) {
	r := resource.Leases()
	before := object(t, r, `{"metadata":{"name":"a","namespace":"default","uid":"u","resourceVersion":"7","finalizers":["x"],"deletionTimestamp":"2026-01-02T03:04:05Z"}}`)
	after := object(t, r, `{"metadata":{"name":"a","namespace":"default","uid":"u","resourceVersion":"7","finalizers":["x","y"]},"spec":{"leaseDurationSeconds":5}}`)
	check(t, "a finalizer of a deleted object", Update(r, after, before, limit), `FieldValueForbidden metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"y"}`)
	moved := object(t, r, `{"metadata":{"name":"b","namespace":"default","uid":"v"}}`)
	check(t, "a name", Update(r, moved, before, limit),
		`FieldValueInvalid metadata.resourceVersion: Invalid value: "": must be specified for an update`,
		`FieldValueInvalid metadata.name: Invalid value: "b": field is immutable`, `FieldValueInvalid metadata.uid: Invalid value: "v": field is immutable`)
}

func TestLeaseCandidate(t *testing.T) {
	r := resource.LeaseCandidates()
	create := func(spec string) []status.Cause {
		return Create(r, object(t, r, `{"metadata":{"name":"A_b","namespace":"default"},"spec":{`+spec+`}}`), limit)
	}
	good := `"leaseName":"l","binaryVersion":"1.37.0","emulationVersion":"1.36.0","strategy":"OldestEmulationVersion"`
	check(t, "a candidate", create(good))
	check(t, "no fields", create(``), "FieldValueRequired spec.leaseName", "FieldValueRequired spec.binaryVersion", "FieldValueRequired spec.strategy")
	check(t, "a higher emulation", create(`"leaseName":"l","binaryVersion":"1.35.0","emulationVersion":"1.36.0","strategy":"a.b/c"`),
		"FieldValueInvalid spec.binaryVersion: Invalid value: \"1.35.0\": must be greater than or equal to `emulationVersion`")
	check(t, "no semantic version", create(`"leaseName":"l","binaryVersion":"v1.35","strategy":"OldestEmulationVersion"`),
		`FieldValueInvalid spec.binaryVersion: Invalid value: "v1.35": must be a valid semantic version`,
		"FieldValueRequired spec.emulationVersion: Required value: must be specified when `strategy` is 'OldestEmulationVersion'")
	before := object(t, r, `{"metadata":{"name":"a","namespace":"default","resourceVersion":"7"},"spec":{`+good+`}}`)
	after := object(t, r, `{"metadata":{"name":"a","namespace":"default","resourceVersion":"7"},"spec":{`+strings.Replace(good, `"l"`, `"m"`, 1)+`}}`)
	check(t, "another lease", Update(r, after, before, limit), `FieldValueInvalid spec.leaseName: Invalid value: "m": field is immutable`)
}

func TestEvents(t *testing.T) {
	core, events := resource.CoreEvents(), resource.Events()
	meta := `"metadata":{"name":"a","namespace":"ns","resourceVersion":"1"}`
	check(t, "an old event", Create(core, object(t, core, `{`+meta+`,"involvedObject":{"namespace":"ns"},"reason":"x"}`), limit))
	check(t, "another namespace", Create(core, object(t, core, `{`+meta+`,"involvedObject":{"namespace":"other"}}`), limit), `FieldValueInvalid involvedObject.namespace: Invalid value: "other": does not match event.namespace`)
	check(t, "an event of v1 with a time", Create(core, object(t, core, `{`+meta+`,"involvedObject":{"namespace":"ns"},"eventTime":"2026-01-02T03:04:05.000000Z"}`), limit),
		"FieldValueRequired reportingComponent", `FieldValueInvalid reportingComponent: Invalid value: "": name part must be non-empty`, `FieldValueInvalid reportingComponent: Invalid value: "": name part must consist`,
		"FieldValueRequired reportingInstance", "FieldValueRequired action", "FieldValueRequired reason")
	good := `,"regarding":{"namespace":"ns"},"eventTime":"2026-01-02T03:04:05.000000Z","reportingController":"c","reportingInstance":"i","action":"a","reason":"r","type":"Normal"`
	check(t, "an event", Create(events, object(t, events, `{`+meta+good+`}`), limit))
	check(t, "deprecated fields", Create(events, object(t, events, `{`+meta+good+`,"note":"`+strings.Repeat("x", 1025)+`","deprecatedCount":1,"deprecatedSource":{"host":"h"},"series":{"count":1}}`), limit),
		"FieldValueInvalid message: Invalid value: \"\": can have at most 1024 characters", "FieldValueInvalid series.count", "FieldValueRequired series.lastObservedTime", "FieldValueInvalid count", "FieldValueInvalid source")
	before, after := object(t, events, `{`+meta+good+`}`), object(t, events, `{`+meta+good+`,"note":"x"}`)
	check(t, "a changed note", Update(events, after, before, limit), `FieldValueInvalid note: Invalid value: "x": field is immutable`)
}

func TestFieldManager(t *testing.T) {
	check(t, "none", FieldManager("", false))
	check(t, "none for an apply", FieldManager("", true), "FieldValueRequired fieldManager: Required value: is required for apply patch")
	check(t, "a long one", FieldManager(strings.Repeat("x", 129), true), "FieldValueTooLong fieldManager: Too long: may not be more than 128 bytes")
}

func TestVersionsAreOrdered(t *testing.T) {
	ordered := []string{"0.0.0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.2.0", "1.10.0", "2.0.0"}
	versions := make([]Version, len(ordered))
	for i, text := range ordered {
		var err error
		if versions[i], err = ParseVersion(text + "+build.01"); err != nil {
			t.Fatal(text, err)
		}
	}
	for i, v := range versions {
		for j, w := range versions {
			if v.Compare(w) != cmp.Compare(i, j) {
				t.Errorf("%s and %s: %d", ordered[i], ordered[j], v.Compare(w))
			}
		}
	}
	for _, text := range []string{"", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3-a..b", "1.2.3+", "1.2.3+a_b", "v1.2.3", "1.2.99999999999999999999", " 1.2.3", "1.-2.3"} {
		if _, err := ParseVersion(text); err == nil {
			t.Errorf("%q is a version", text)
		}
	}
}

func FuzzNames(f *testing.F) {
	f.Add("example.com/Key_1")
	f.Fuzz(func(_ *testing.T, text string) {
		for _, rule := range []func(string) []string{Subdomain, Label, ConfigKey, PathSegment, LabelKey, LabelValue} {
			rule(text)
		}
		_, _ = ParseVersion(text)
	})
}

func TestLabelsAreSubdomains(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z0-9.-]{0,8}`).Draw(t, "name")
		if len(Label(name)) == 0 && len(Subdomain(name)) > 0 {
			t.Fatalf("%q is a label and no subdomain", name)
		}
		if len(Subdomain(name)) == 0 != (len(Label(name)) == 0 || slices.Equal(Label(name), []string{"must not contain dots"})) {
			t.Fatalf("%q: %q, %q", name, Subdomain(name), Label(name))
		}
	})
}
