package config

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lockd/lockd/internal/console"
)

// A Value is the value of a flag. It is parsed, checked and formatted. The help, the documents and
// every error use its bounds.
type Value[T any] struct {
	to     *T
	kind   string // type in the help
	bounds string // continues "must be"
	parse  func(string) (v T, ok bool)
	show   func(T) string // "" if there is no value to show
}

// Set parses and checks a value.
func (v *Value[T]) Set(s string) error {
	parsed, ok := v.parse(s)
	if !ok {
		return errors.New("must be " + v.bounds)
	}
	*v.to = parsed
	return nil
}

func (v *Value[T]) String() string { return v.show(*v.to) }

// Type names the type in the help.
func (v *Value[T]) Type() string { return v.kind }

// Text accepts texts for which ok returns true.
func Text(to *string, kind, bounds string, ok func(string) bool) *Value[string] {
	return &Value[string]{to, kind, bounds, func(s string) (string, bool) { return s, ok(s) }, same}
}

// Switch accepts true or false.
func Switch(to *bool) *Value[bool] {
	return &Value[bool]{to, "bool", "true or false",
		func(s string) (bool, bool) {
			on, err := strconv.ParseBool(s)
			return on, err == nil
		},
		func(on bool) string {
			if !on {
				return ""
			}
			return "true"
		}}
}

// OneOf accepts one of the choices, in any case.
func OneOf(to *string, choices ...string) *Value[string] {
	return &Value[string]{to, strings.Join(choices, "|"), "one of " + strings.Join(choices, ", "),
		func(s string) (string, bool) {
			s = strings.ToLower(s)
			return s, slices.Contains(choices, s)
		}, same}
}

// Address accepts HOST:PORT.
func Address(to *string) *Value[string] {
	return Text(to, "address", "HOST:PORT, such as 127.0.0.1:7400", func(s string) bool {
		_, port, err := net.SplitHostPort(s)
		return err == nil && port != ""
	})
}

// Optional also accepts an empty text, which means no value.
func Optional(v *Value[string]) *Value[string] {
	parse := v.parse
	v.parse = func(s string) (string, bool) {
		if s == "" {
			return "", true
		}
		return parse(s)
	}
	return v
}

// Duration accepts a duration from least to most; a most of 0 is no limit. A number without a
// unit is in seconds.
func Duration(to *time.Duration, least, most time.Duration) *Value[time.Duration] {
	bounds := "a duration from " + console.ShortDuration(least) + " to " + console.ShortDuration(most)
	if most == 0 {
		bounds = "a duration of at least " + console.ShortDuration(least) + ", such as 10s"
	}
	return &Value[time.Duration]{to, "duration", bounds,
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
			return console.ShortDuration(d)
		}}
}

// Number accepts a whole number from least to most; a most of 0 is no limit.
func Number[N int | uint64](to *N, least, most N) *Value[N] {
	bounds := fmt.Sprintf("a whole number from %d to %d", least, most)
	if most == 0 {
		bounds = fmt.Sprintf("a whole number of at least %d", least)
	}
	return &Value[N]{to, "number", bounds,
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

// Ratio accepts a number from 0 to 1.
func Ratio(to *float64) *Value[float64] {
	return &Value[float64]{to, "ratio", "a number from 0 to 1",
		func(s string) (float64, bool) {
			r, err := strconv.ParseFloat(s, 64)
			return r, err == nil && r >= 0 && r <= 1
		},
		func(r float64) string { return strconv.FormatFloat(r, 'f', -1, 64) }}
}

// Limits returns the allowed values, in words.
func (v *Value[T]) Limits() string { return v.bounds }

// Plain returns the value for JSON.
func (v *Value[T]) Plain() any {
	if d, ok := any(*v.to).(time.Duration); ok {
		return console.ShortDuration(d)
	}
	return *v.to
}

func same(s string) string { return s }

// A List is a value of several texts, separated by commas. The flag can be repeated.
type List struct {
	to     *[]string
	kind   string
	bounds string
	ok     func(string) bool
	given  bool
}

// Texts accepts a list of texts for which ok returns true.
func Texts(to *[]string, kind, bounds string, ok func(string) bool) *List {
	return &List{to: to, kind: kind, bounds: bounds, ok: ok}
}

// Set appends to the earlier values. The first call replaces the default.
func (l *List) Set(s string) error {
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

func (l *List) String() string { return strings.Join(*l.to, ",") }

// Type names the type in the help.
func (l *List) Type() string { return l.kind }

// Limits returns the allowed items, in words.
func (l *List) Limits() string { return "a list; each item is " + l.bounds }

// Plain returns the items for JSON.
func (l *List) Plain() any { return append([]string{}, *l.to...) }
