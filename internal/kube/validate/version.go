package validate

import (
	"cmp"
	"errors"
	"strconv"
	"strings"
)

// A Version is a semantic version, such as 1.36.0. Build metadata does not count.
type Version struct {
	major, minor, patch uint64
	pre                 []string // the parts of a pre-release
}

var errVersion = errors.New("must be a valid semantic version")

// ParseVersion reads a version of the form major.minor.patch, with an optional pre-release and build.
func ParseVersion(text string) (Version, error) {
	rest, build, ok := strings.Cut(text, "+")
	if ok && !validParts(strings.Split(build, "."), false) {
		return Version{}, errVersion
	}
	rest, pre, ok := strings.Cut(rest, "-")
	var v Version
	if ok {
		if v.pre = strings.Split(pre, "."); !validParts(v.pre, true) {
			return Version{}, errVersion
		}
	}
	numbers := strings.Split(rest, ".")
	if len(numbers) != 3 {
		return Version{}, errVersion
	}
	for i, to := range []*uint64{&v.major, &v.minor, &v.patch} {
		n, ok := number(numbers[i])
		if !ok {
			return Version{}, errVersion
		}
		*to = n
	}
	return v, nil
}

// number reads a number without leading zeros.
func number(text string) (uint64, bool) {
	if text == "" || len(text) > 1 && text[0] == '0' || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil
}

const identifier = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"

// validParts reports whether each part of a pre-release or a build is an identifier. In a pre-release, numbers have no
// leading zeros.
func validParts(parts []string, pre bool) bool {
	for _, part := range parts {
		if part == "" || strings.Trim(part, identifier) != "" {
			return false
		}
		if _, ok := number(part); pre && !ok && strings.Trim(part, "0123456789") == "" {
			return false
		}
	}
	return true
}

// Compare returns -1, 0 or 1 if v is lower than, equal to or higher than other.
func (v Version) Compare(other Version) int {
	if c := cmp.Or(cmp.Compare(v.major, other.major), cmp.Compare(v.minor, other.minor), cmp.Compare(v.patch, other.patch)); c != 0 {
		return c
	}
	switch {
	case len(v.pre) == 0 || len(other.pre) == 0:
		return cmp.Compare(len(other.pre), len(v.pre)) // a pre-release is lower
	}
	for i := range min(len(v.pre), len(other.pre)) {
		if c := comparePart(v.pre[i], other.pre[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(v.pre), len(other.pre))
}

// comparePart compares numbers as numbers. A number is lower than a text.
func comparePart(a, b string) int {
	n, numeric := number(a)
	m, other := number(b)
	switch {
	case numeric && other:
		return cmp.Compare(n, m)
	case numeric:
		return -1
	case other:
		return 1
	default:
		return cmp.Compare(a, b)
	}
}
