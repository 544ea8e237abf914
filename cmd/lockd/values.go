package main

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A value is what a flag sets: it is parsed, held to its bounds, and shown. The
// bounds are those that the help, the documents and every refusal tell.
type value[T any] struct {
	to     *T
	kind   string // in the help
	bounds string // goes on after "must be"
	parse  func(string) (v T, ok bool)
	show   func(T) string // "" where there is nothing to show
}

// Set takes a value within its bounds.
func (v *value[T]) Set(s string) error {
	parsed, ok := v.parse(s)
	if !ok {
		return errors.New("must be " + v.bounds)
	}
	*v.to = parsed
	return nil
}

func (v *value[T]) String() string { return v.show(*v.to) }

// Type names the kind in the help.
func (v *value[T]) Type() string { return v.kind }

// textOf takes any text for which ok is true.
func textOf(to *string, kind, bounds string, ok func(string) bool) *value[string] {
	return &value[string]{to, kind, bounds, func(s string) (string, bool) { return s, ok(s) }, same}
}

// oneOf takes one of some words, in capitals, too.
func oneOf(to *string, choices ...string) *value[string] {
	return &value[string]{to, strings.Join(choices, "|"), "one of " + strings.Join(choices, ", "),
		func(s string) (string, bool) {
			s = strings.ToLower(s)
			return s, slices.Contains(choices, s)
		}, same}
}

func addressOf(to *string) *value[string] {
	return textOf(to, "address", "HOST:PORT, such as 127.0.0.1:7400", func(s string) bool {
		_, port, err := net.SplitHostPort(s)
		return err == nil && port != ""
	})
}

// optional takes an empty text, too, which is none.
func optional(v *value[string]) *value[string] {
	parse := v.parse
	v.parse = func(s string) (string, bool) {
		if s == "" {
			return "", true
		}
		return parse(s)
	}
	return v
}

// durationOf takes a time from least to most; a most of 0 is no bound. A number without
// a unit is seconds.
func durationOf(to *time.Duration, least, most time.Duration) *value[time.Duration] {
	bounds := "a duration from " + short(least) + " to " + short(most)
	if most == 0 {
		bounds = "a duration of at least " + short(least) + ", such as 10s"
	}
	return &value[time.Duration]{to, "duration", bounds,
		func(s string) (time.Duration, bool) {
			if strings.Trim(s, "0123456789.") == "" {
				s += "s"
			}
			d, err := time.ParseDuration(s)
			return d, err == nil && d >= least && (most == 0 || d <= most)
		},
		func(d time.Duration) string {
			if d <= 0 {
				return ""
			}
			return short(d)
		}}
}

// short leaves out what is zero: 24h for 24h0m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// numberOf takes a whole number from least to most; a most of 0 is no bound.
func numberOf[N int | uint64](to *N, least, most N) *value[N] {
	bounds := fmt.Sprintf("a whole number from %d to %d", least, most)
	if most == 0 {
		bounds = fmt.Sprintf("a whole number of at least %d", least)
	}
	return &value[N]{to, "number", bounds,
		func(s string) (N, bool) {
			n, err := strconv.ParseInt(s, 10, 64)
			return N(n), err == nil && n >= int64(least) && (most == 0 || n <= int64(most))
		},
		func(n N) string {
			if n == 0 {
				return ""
			}
			return fmt.Sprint(n)
		}}
}

func (v *value[T]) limits() string { return v.bounds }

// plain is the value as JSON shows it.
func (v *value[T]) plain() any {
	if d, ok := any(*v.to).(time.Duration); ok {
		return short(d)
	}
	return *v.to
}

func same(s string) string { return s }

// A list is a value of several texts, with commas between them. The flag may be
// given several times.
type list struct {
	to     *[]string
	kind   string
	bounds string
	ok     func(string) bool
	given  bool
}

// Set adds to what was set before, and begins by replacing the default.
func (l *list) Set(s string) error {
	var items []string
	for item := range strings.SplitSeq(s, ",") {
		item = strings.TrimSpace(item)
		if !l.ok(item) {
			return fmt.Errorf("each of them must be %s: %q is not", l.bounds, item)
		}
		items = append(items, item)
	}
	if l.given {
		items = append(*l.to, items...)
	}
	*l.to, l.given = items, true
	return nil
}

func (l *list) String() string { return strings.Join(*l.to, ",") }

// Type names the kind in the help.
func (l *list) Type() string { return l.kind }

func (l *list) limits() string { return "a list; each of it " + l.bounds }

func (l *list) plain() any { return append([]string{}, *l.to...) }
