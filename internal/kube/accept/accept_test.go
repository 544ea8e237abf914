package accept

import "testing"

func TestJSONFindsTheBestAllowedRange(t *testing.T) {
	allowed := func(p Params) bool { return p["as"] == "" || p["as"] == "Table" }
	for header, want := range map[string]string{
		"": "", "*/*": "", "application/json": "", "application/*;as=Table": "Table",
		"application/json;as=Table;v=v1;g=meta.k8s.io,application/json":      "Table",
		"application/json;as=Other,application/json;q=0.5":                   "",
		"application/json;q=0.5, application/json;as=Table;q=0.9":            "Table",
		"application/vnd.kubernetes.protobuf,application/json;as=Table;v=v1": "Table",
	} {
		if p, ok := JSON(header, allowed); !ok || p["as"] != want {
			t.Errorf("%q: %v, %t", header, p, ok)
		}
	}
	for _, header := range []string{"application/vnd.kubernetes.protobuf", "text/html", "application/json;q=0", "application/json;as=Other", ";", "application"} {
		if p, ok := JSON(header, allowed); ok {
			t.Errorf("%q: %v", header, p)
		}
	}
}

func FuzzJSON(f *testing.F) {
	f.Add("application/json;as=Table;v=v1;g=meta.k8s.io,application/json;q=0.1")
	f.Fuzz(func(_ *testing.T, header string) { JSON(header, func(Params) bool { return true }) })
}
