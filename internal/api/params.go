package api

import (
	"net/url"

	"github.com/go-chi/chi/v5"

	"github.com/lockd/lockd/internal/api/form"
	"github.com/lockd/lockd/internal/fsm"
)

// parse reads the query, which may have these parameters. If it is invalid, it sends the answer and returns false.
func (c *call) parse(known []string) bool {
	query, wrong := form.ParseQuery(c.r.URL.RawQuery, known)
	if wrong != nil {
		c.invalid(wrong)
		return false
	}
	c.query = query
	return true
}

// misread reports whether a parameter that was read is invalid, and then sends the answer.
func (c *call) misread() bool {
	wrong := c.query.Wrong()
	if wrong != nil {
		c.invalid(wrong)
	}
	return wrong != nil
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

// name returns the lease's name from the path of a read. Commands check their names themselves.
func (c *call) name() (string, bool) {
	name := c.param("name")
	if !fsm.ValidName(name) {
		c.wrong("name", "must be "+fsm.NameRule)
		return "", false
	}
	return name, true
}
