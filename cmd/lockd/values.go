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

// A value is the value of a flag. It is parsed, checked and formatted. The help, the documents and
// every error use its bounds.
type value[T any] struct {
	to     *T
	kind   string // type in the help
	bounds string // continues "must be"
	parse  func(string) (v T, ok bool)
	show   func(T) string // "" if there is no value to show
}

// Set parses and checks a value.
func (v *value[T]) Set(s string) error {
	parsed, ok := v.parse(s)
	if !ok {
		return errors.New("must be " + v.bounds)
	}
	*v.to = parsed
	return nil
}

func (v *value[T]) String() string { return v.show(*v.to) }

// Type names the type in the help.
func (v *value[T]) Type() string { return v.kind }

// textOf accepts texts for which ok returns true.
func textOf(to *string, kind, bounds string, ok func(string) bool) *value[string] {
	return &value[string]{to, kind, bounds, func(s string) (string, bool) { return s, ok(s) }, same}
}

// oneOf accepts one of the choices, in any case.
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

// optional also accepts an empty text, which means no value.
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

// durationOf accepts a duration from least to most; a most of 0 is no limit. A number without a
// unit is in seconds.
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

// short removes zero parts, for example 24h for 24h0m0s.
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

// numberOf accepts a whole number from least to most; a most of 0 is no limit.
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

// plain returns the value for JSON.
func (v *value[T]) plain() any {
	if d, ok := any(*v.to).(time.Duration); ok {
		return short(d)
	}
	return *v.to
}

func same(s string) string { return s }

// A list is a value of several texts, separated by commas. The flag can be repeated.
type list struct {
	to     *[]string
	kind   string
	bounds string
	ok     func(string) bool
	given  bool
}

// Set appends to the earlier values. The first call replaces the default.
func (l *list) Set(s string) error {
	var items []string
	for item := range strings.SplitSeq(s, ",") {
		item = strings.TrimSpace(item)
		if !l.ok(item) {
			return fmt.Errorf("each item must be %s: %q is not", l.bounds, item)
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

// Type names the type in the help.
func (l *list) Type() string { return l.kind }

func (l *list) limits() string { return "a list; each item is " + l.bounds }

func (l *list) plain() any { return append([]string{}, *l.to...) }
