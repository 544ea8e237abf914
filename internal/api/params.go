package api

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"github.com/lockd/lockd/internal/api/form"
	"github.com/lockd/lockd/internal/fsm"
)

// parse reads the query. It accepts only parameters of the route, each at most once. If the query is invalid, it sends
// the answer and returns false.
func (c *call) parse(known []string) bool {
	raw := c.r.URL.RawQuery
	if raw == "" {
		return true
	}
	if strings.Count(raw, "&") >= MaxQueryParams {
		c.wrong("query", fmt.Sprintf("must have at most %d parameters", MaxQueryParams))
		return false
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		c.wrong("query", "must be name=value pairs joined by &, percent-encoded")
		return false
	}
	var wrong fsm.Invalid
	for name, values := range query {
		switch {
		case !utf8.ValidString(name):
			wrong = append(wrong, fsm.FieldError{Field: "query", Reason: "must be UTF-8"})
		case !slices.Contains(known, name):
			wrong = append(wrong, fsm.FieldError{Field: name, Reason: form.Unknown(name, known)})
		case len(values) > 1:
			wrong = append(wrong, fsm.FieldError{Field: name, Reason: "must not appear twice"})
		case !utf8.ValidString(values[0]):
			wrong = append(wrong, fsm.FieldError{Field: name, Reason: "must be UTF-8"})
		}
	}
	if wrong != nil {
		slices.SortFunc(wrong, func(a, b fsm.FieldError) int { return strings.Compare(a.Field, b.Field) })
		c.invalid(wrong)
		return false
	}
	c.query = query
	return true
}

// wrong answers 400 for one field.
func (c *call) wrong(field, reason string) { c.invalid(fsm.Invalid{{Field: field, Reason: reason}}) }

// param returns an unescaped segment of the path. The router matches the escaped path.
func (c *call) param(name string) string {
	v := chi.URLParam(c.r, name)
	if plain, err := url.PathUnescape(v); err == nil {
		return plain
	}
	return v
}

// integer returns a parameter, or absent if the query does not have it. If the value is invalid, it sends the answer
// and returns false.
func (c *call) integer(field string, absent, least, most uint64) (n uint64, ok bool) {
	if !c.query.Has(field) {
		return absent, true
	}
	return c.number(field, c.query.Get(field), least, most)
}

func (c *call) number(field, s string, least, most uint64) (n uint64, ok bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n < least || n > most {
		c.wrong(field, fmt.Sprintf("must be an integer from %d to %d", least, most))
		return 0, false
	}
	return n, true
}

// stale returns whether a read may be answered from this node's own state. If the value is invalid, it sends the answer
// and returns false.
func (c *call) stale() (stale, ok bool) {
	switch v := c.query.Get("stale"); {
	case !c.query.Has("stale") || v == "false":
		return false, true
	case v == "true":
		return true, true
	}
	c.wrong("stale", "must be true or false")
	return false, false
}

// name returns the lease's name from the path of a read. Commands check their names themselves.
func (c *call) name() (string, bool) {
	name := c.param("name")
	if !fsm.ValidName(name) {
		c.wrong("name", "must be "+fsm.NameRule)
		return "", false
	}
	return name, true
}

// namePart returns a parameter that is empty or the beginning of a name.
func (c *call) namePart(field string) (string, bool) {
	s := c.query.Get(field)
	if !fsm.ValidNamePart(s) {
		c.wrong(field, "must be the beginning of a name: "+fsm.NameRule)
		return "", false
	}
	return s, true
}

// holderName returns a parameter that is empty or a holder name.
func (c *call) holderName(field string) (string, bool) {
	s := c.query.Get(field)
	if utf8.RuneCountInString(s) > fsm.MaxHolderChars || !fsm.Printable(s) {
		c.wrong(field, fmt.Sprintf("must be at most %d printable characters", fsm.MaxHolderChars))
		return "", false
	}
	return s, true
}

// isIDByte reports whether a byte may be in a request id.
func isIDByte(b byte) bool {
	switch {
	case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9', b == '.', b == '_', b == ':', b == '-':
		return true
	}
	return false
}
