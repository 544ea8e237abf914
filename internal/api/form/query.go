package form

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lockd/lockd/internal/fsm"
	"github.com/lockd/lockd/internal/fsm/lease"
)

// MaxQueryParams bounds the parameters of a URL.
const MaxQueryParams = 16

// Query has the parameters of a URL. Its methods read them by type. It keeps the first error, so that a caller can read
// several parameters and then check Wrong. The zero Query has no parameters.
type Query struct {
	values url.Values // only known parameters, each once
	wrong  *fsm.FieldError
}

// ParseQuery parses an encoded query. It accepts only known parameters, each at most once, and returns the errors of the
// others, or nil.
func ParseQuery(raw string, known []string) (Query, fsm.Invalid) {
	if raw == "" {
		return Query{}, nil
	}
	if strings.Count(raw, "&") >= MaxQueryParams {
		return Query{}, fsm.Invalid{{Field: "query", Reason: fmt.Sprintf("must have at most %d parameters", MaxQueryParams)}}
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return Query{}, fsm.Invalid{{Field: "query", Reason: "must be name=value pairs joined by &, percent-encoded"}}
	}
	var wrong fsm.Invalid
	for name, given := range values {
		switch {
		case !utf8.ValidString(name):
			wrong = append(wrong, fsm.FieldError{Field: "query", Reason: "must be UTF-8"})
		case !slices.Contains(known, name):
			wrong = append(wrong, fsm.FieldError{Field: name, Reason: Unknown(name, known)})
		case len(given) > 1:
			wrong = append(wrong, fsm.FieldError{Field: name, Reason: "must not appear twice"})
		case !utf8.ValidString(given[0]):
			wrong = append(wrong, fsm.FieldError{Field: name, Reason: "must be UTF-8"})
		}
	}
	slices.SortFunc(wrong, func(a, b fsm.FieldError) int { return strings.Compare(a.Field, b.Field) })
	return Query{values: values}, wrong
}

// Wrong returns the first error of the parameters that were read, or nil.
func (q *Query) Wrong() fsm.Invalid {
	if q.wrong == nil {
		return nil
	}
	return fsm.Invalid{*q.wrong}
}

func (q *Query) fail(field, reason string) {
	if q.wrong == nil {
		q.wrong = &fsm.FieldError{Field: field, Reason: reason}
	}
}

// Has reports whether the query has a parameter.
func (q *Query) Has(field string) bool { return q.values.Has(field) }

// Get returns a parameter as it was sent, or "".
func (q *Query) Get(field string) string { return q.values.Get(field) }

// Integer returns a parameter within bounds, or absent if the query does not have it.
func (q *Query) Integer(field string, absent, least, most uint64) uint64 {
	if !q.Has(field) {
		return absent
	}
	return q.Number(field, q.Get(field), least, most)
}

// Number reads an integer that is not a parameter, such as a header.
func (q *Query) Number(field, s string, least, most uint64) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n < least || n > most {
		q.fail(field, fmt.Sprintf("must be an integer from %d to %d", least, most))
	}
	return n
}

// Bool returns a parameter that is true or false, or false if the query does not have it.
func (q *Query) Bool(field string) bool {
	v := q.Get(field)
	if q.Has(field) && v != "true" && v != "false" {
		q.fail(field, "must be true or false")
	}
	return v == "true"
}

// Name returns a parameter that is empty or the name of a lease.
func (q *Query) Name(field string) string {
	s := q.Get(field)
	if s != "" && !fsm.ValidName(s) {
		q.fail(field, "must be "+fsm.NameRule)
	}
	return s
}

// NamePart returns a parameter that is empty or the beginning of a name.
func (q *Query) NamePart(field string) string {
	s := q.Get(field)
	if !fsm.ValidNamePart(s) {
		q.fail(field, "must be the beginning of a name: "+fsm.NameRule)
	}
	return s
}

// Holder returns a parameter that is empty or a holder name.
func (q *Query) Holder(field string) string {
	s := q.Get(field)
	if utf8.RuneCountInString(s) > fsm.MaxHolderChars || !lease.Printable(s) {
		q.fail(field, fmt.Sprintf("must be at most %d printable characters", fsm.MaxHolderChars))
	}
	return s
}

// OneOf returns a parameter that is empty or one of the values.
func (q *Query) OneOf(field string, values []string) string {
	s := q.Get(field)
	if q.Has(field) && !slices.Contains(values, s) {
		q.fail(field, "must be one of "+strings.Join(values, ", "))
	}
	return s
}

// Time returns a parameter that is a time, in Unix milliseconds, or 0 if the query does not have it.
func (q *Query) Time(field string) int64 {
	if !q.Has(field) {
		return 0
	}
	t, err := time.Parse(time.RFC3339, q.Get(field))
	if err != nil {
		q.fail(field, "must be a time such as 2026-11-20T09:30:00Z")
	}
	return t.UnixMilli()
}

// Session returns a session from a parameter or else from a header. Each may be absent, and neither may be invalid.
func (q *Query) Session(field, header string, values []string) string {
	if q.Has(field) {
		q.session(field, q.Get(field))
	}
	switch len(values) {
	case 0:
		return q.Get(field)
	case 1:
		q.session(header, values[0])
	default:
		q.fail(header, "must not appear twice")
	}
	return cmp.Or(q.Get(field), values[0])
}

// session fails the query if s is not a session.
func (q *Query) session(field, s string) {
	var wrong fsm.Invalid
	if errors.As((&fsm.ReleaseSession{Session: s}).Validate(), &wrong) {
		q.fail(field, wrong[0].Reason)
	}
}
