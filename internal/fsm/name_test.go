package fsm

import (
	"fmt"
	"strings"
	"testing"
)

func TestValidNamesAndPrefixes(t *testing.T) {
	if !strings.HasPrefix(NameRule, fmt.Sprintf("1 to %d of ", MaxNameBytes)) {
		t.Errorf("NameRule is %q", NameRule)
	}
	object := "k8s/" + strings.Repeat("n", 63) + "/" + strings.Repeat("m", 253)
	if !ValidName(object) || ValidName(object+"m") || len(object) != MaxObjectNameBytes {
		t.Error("the longest name of the lease of a Kubernetes Lease is wrong")
	}
	long := strings.Repeat("a", MaxNameBytes)
	for s, want := range map[string][2]bool{ // as a name, and as a prefix
		"": {false, true}, "a": {true, true}, "a/b": {true, true}, "a/": {false, true}, "a.b:c_d-e/F/9": {true, true},
		"/": {false, false}, "/a": {false, false}, "a//b": {false, false}, "a//": {false, false}, "a/.": {false, false}, "a/../b": {false, false},
		".": {false, false}, "-a": {false, false}, "a/-": {false, false}, "a b": {false, false}, "a%2Fb": {false, false}, "ä": {false, false},
		long: {true, true}, long + "a": {false, false}, long[1:] + "/": {false, true},
	} {
		if got := [2]bool{ValidName(s), ValidNamePart(s)}; got != want {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
		v := validation{}
		v.name("name", s)
		if (v.err() == nil) != want[0] {
			t.Errorf("%q: validation returns %v", s, v.err())
		}
	}
}
