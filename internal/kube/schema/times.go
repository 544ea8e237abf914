package schema

import (
	"errors"
	"time"
)

// The forms of times. A MicroTime has exactly six digits of a fraction, also on input.
const (
	timeForm      = time.RFC3339
	microTimeForm = "2006-01-02T15:04:05.000000Z07:00"
)

// FormatTime returns a time as fields of the type Time have it.
func FormatTime(t time.Time) string { return t.UTC().Format(timeForm) }

// FormatMicroTime returns a time as fields of the type MicroTime have it.
func FormatMicroTime(t time.Time) string { return t.UTC().Format(microTimeForm) }

// ParseTime reads a field of the type Time or MicroTime.
func ParseTime(text string) (time.Time, error) {
	return time.Parse(timeForm, text)
}

// canonicalTime returns a time in UTC and in its form. The zero time is the same as none, and is nil.
func canonicalTime(of Type, text string) (any, error) {
	form := timeForm
	if of == MicroTime {
		form = microTimeForm
	}
	t, err := time.Parse(form, text)
	if err != nil {
		return nil, err
	}
	t = t.UTC()
	if err := inRange(t); err != nil {
		return nil, err
	}
	if t.IsZero() {
		return nil, nil
	}
	return t.Format(form), nil
}

// inRange returns an error for a year that RFC 3339 cannot express.
func inRange(t time.Time) error {
	if year := t.Year(); year < 1 || year > 9999 {
		return errors.New("the year of a time must be from 1 to 9999 in UTC")
	}
	return nil
}
