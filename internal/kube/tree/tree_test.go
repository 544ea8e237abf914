package tree

import "testing"

func sample() map[string]any {
	return map[string]any{
		"metadata": map[string]any{"name": "a", "labels": map[string]any{"x": "1"}, "finalizers": []any{"f", "g"}},
		"spec":     map[string]any{"n": int64(3), "ok": true, "list": []any{map[string]any{"uid": "u"}}},
	}
}

func TestValuesAreReadByPath(t *testing.T) {
	o := sample()
	if String(o, "metadata", "name") != "a" || String(o, "metadata", "name", "x") != "" || String(o, "spec", "n") != "" {
		t.Error("strings")
	}
	if Int(o, "spec", "n") != 3 || Int(o, "spec", "ok") != 0 || !Bool(o, "spec", "ok") || !Has(o, "spec", "n") || Has(o, "x", "y") {
		t.Error("numbers")
	}
	if s := Strings(o, "metadata", "finalizers"); len(s) != 2 || s[1] != "g" || len(Objects(o, "spec", "list")) != 1 || Map(o, "metadata", "labels")["x"] != "1" {
		t.Error("lists")
	}
}

func TestSetAndRemoveChangeOnePath(t *testing.T) {
	o := sample()
	Set(o, "v", "a", "b", "c")
	Remove(o, "metadata", "labels", "x")
	Remove(o, "none", "x")
	if String(o, "a", "b", "c") != "v" || len(Map(o, "metadata", "labels")) != 0 || String(o, "metadata", "name") != "a" {
		t.Errorf("%v", o)
	}
}

func TestCloneIsDeepAndEqual(t *testing.T) {
	o := sample()
	c := Clone(o)
	if !Equal(o, c) {
		t.Error("a copy differs")
	}
	Set(c, "b", "metadata", "name")
	Objects(c, "spec", "list")[0]["uid"] = "v"
	if Equal(o, c) || String(o, "metadata", "name") != "a" || Objects(o, "spec", "list")[0]["uid"] != "u" {
		t.Error("a change of the copy changes the original")
	}
	if Equal(map[string]any{}, []any{}) || Equal("a", []any{}) || Equal(nil, map[string]any{}) || Equal(int64(1), "1") || !Equal(nil, nil) {
		t.Error("values of different types are equal")
	}
}
