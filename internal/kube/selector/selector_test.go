package selector

import (
	"strings"
	"testing"

	"github.com/lockd/lockd/internal/kube/resource"
)

func TestLabelsMatch(t *testing.T) {
	labels := map[string]string{"app": "web", "tier": "", "n": "5", "example.com/x": "in"}
	for text, want := range map[string]bool{
		"": true, " ": true, "app": true, "!app": false, "none": false, "!none": true, "! none": true,
		"app=web": true, "app==web": true, " app = web ": true, "app!=web": false, "none!=web": true, "app=": false, "tier=": true, "tier": true,
		"app in (web, api)": true, "app in (api)": false, "app notin (web)": false, "none notin (web)": true, "none in (web)": false,
		"tier in ()": true, "tier in (,a)": true, "app in (a,,web)": true, "app in(web)": true, "example.com/x in (in)": true, "example.com/x=in": true,
		"n>4": true, "n<5": false, "app>1": false, "app=web,tier,!none": true, "app=web,none": false, "in": false, "!in": true,
	} {
		s, refused := ParseLabels(text)
		if refused != nil || s.Matches(labels) != want || s.Empty() != (strings.TrimSpace(text) == "") {
			t.Errorf("%q: %v, %v", text, s, refused)
		}
	}
}

func TestLabelsRefuseWithTheTextsOfKubernetes(t *testing.T) {
	for text, want := range map[string]string{
		"=a": "found '=', expected: !, identifier, or 'end of string'", "a,": "found '', expected: identifier after ','",
		"a b": "found 'b', expected: in, notin, =, ==, !=, gt, lt", "a=b c": "found 'c', expected: ',' or 'end of string'",
		"a in b": "found 'b' expected: '('", "a in (b": "found '', expected: ',' or ')'", "a=(": "found '(', expected: identifier",
		"!": "found '', expected: identifier", "!a=b": "found '=', expected: ',' or 'end of string'", "a/b/c": `Invalid value: "a/b/c": a valid label key must consist`,
		"a=-": `values[0][a]: Invalid value: "-": a valid label must be`, "a>x": "the value must be an integer", "a=b\x00": "a valid label must be",
	} {
		_, refused := ParseLabels(text)
		if refused == nil || refused.Code != 400 || !strings.Contains(refused.Message, want) {
			t.Errorf("%q: %v, want %q", text, refused, want)
		}
	}
}

func TestFieldsMatch(t *testing.T) {
	event := map[string]any{
		"metadata": map[string]any{"name": "a", "namespace": "ns"}, "type": "Normal",
		"involvedObject": map[string]any{"name": "x,y"}, "source": map[string]any{}, "reportingComponent": "c",
	}
	for text, want := range map[string]bool{
		"": true, "metadata.name=a": true, "metadata.name==a": true, "metadata.name!=a": false, "metadata.name=": false,
		"metadata.namespace=ns,type=Normal": true, "metadata.namespace=ns,type!=Normal": false, `involvedObject.name=x\,y`: true,
		"reason=": true, "source=c": true, "reportingComponent=c": true, ",": true,
	} {
		s, refused := ParseFields(resource.CoreEvents(), text)
		if refused != nil || s.Matches(event) != want {
			t.Errorf("%q: %+v, %v", text, s, refused)
		}
	}
	s, _ := ParseFields(resource.Leases(), "metadata.namespace!=b,metadata.name=a")
	name, ok := s.Name()
	if _, other := s.Namespace(); name != "a" || !ok || other {
		t.Error("the exact name is not found")
	}
}

func TestFieldsRefuse(t *testing.T) {
	for _, tt := range []struct {
		r          resource.Resource
		text, want string
	}{
		{resource.Leases(), "spec.holderIdentity=a", `"spec.holderIdentity" is not a known field selector: only "metadata.name", "metadata.namespace"`},
		{resource.Events(), "involvedObject.name=a", "field label not supported: involvedObject.name"},
		{resource.LeaseCandidates(), "spec.leaseName=a", "is not a known field selector"},
		{resource.Leases(), "metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"},
		{resource.Leases(), `metadata.name=a\b`, `invalid escape sequence: \b`},
		{resource.Leases(), `metadata.name=a\`, `invalid escape sequence: \`},
		{resource.Leases(), `metadata.name=a=b`, "unescaped character in value: 61"},
	} {
		if _, refused := ParseFields(tt.r, tt.text); refused == nil || refused.Code != 400 || !strings.Contains(refused.Message, tt.want) {
			t.Errorf("%q: %v, want %q", tt.text, refused, tt.want)
		}
	}
}

func FuzzSelectors(f *testing.F) {
	f.Add("app in (a,,b),!x,tier notin (c)")
	f.Add(`metadata.name=a\,b`)
	f.Fuzz(func(_ *testing.T, text string) {
		if s, refused := ParseLabels(text); refused == nil {
			s.Matches(map[string]string{"app": "a"})
		}
		if s, refused := ParseFields(resource.CoreEvents(), text); refused == nil {
			s.Matches(map[string]any{"metadata": map[string]any{"name": "a"}})
		}
	})
}
