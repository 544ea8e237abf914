package form

import (
	"strings"
	"testing"
)

func TestQueryReportsEveryUnknownOrRepeatedParameter(t *testing.T) {
	for raw, want := range map[string]string{
		"":                      "",
		"limit=1&prefix=a%2Fb":  "",
		"limit=1&limit=1":       "limit must not appear twice",
		"limt=1":                "limt is unknown: did you mean limit?",
		"prefix=%ff":            "prefix must be UTF-8",
		"%ff=1":                 "query must be UTF-8",
		"limit=%zz":             "query must be name=value pairs joined by &, percent-encoded",
		strings.Repeat("&", 16): "query must have at most 16 parameters",
		"x=1&prefix=%ff&y=1":    "prefix must be UTF-8; x is unknown; y is unknown",
	} {
		_, wrong := ParseQuery(raw, []string{"limit", "prefix"})
		var got []string
		for _, w := range wrong {
			got = append(got, w.Field+" "+w.Reason)
		}
		if s := strings.Join(got, "; "); s != want {
			t.Errorf("%q: %s, want %s", raw, s, want)
		}
	}
}

// TestQueryKeepsTheFirstError: a caller can read several parameters, and then answers with the first error.
func TestQueryKeepsTheFirstError(t *testing.T) {
	q, wrong := ParseQuery("limit=0&stale=maybe&cursor=a&name=+", []string{"limit", "stale", "cursor", "name"})
	if wrong != nil {
		t.Fatal(wrong)
	}
	if n := q.Integer("absent", 7, 1, 9); n != 7 || q.Bool("absent") || q.NamePart("cursor") != "a" || q.Wrong() != nil {
		t.Errorf("absent is %d, and the error %v", n, q.Wrong())
	}
	q.Integer("limit", 1, 1, 10)
	q.Bool("stale")
	q.Name("name")
	if wrong := q.Wrong(); len(wrong) != 1 || wrong[0].Field != "limit" || wrong[0].Reason != "must be an integer from 1 to 10" {
		t.Errorf("the error is %v", wrong)
	}
}
