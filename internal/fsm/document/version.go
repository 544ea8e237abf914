package document

import (
	"cmp"
	"strconv"
	"strings"
)

// CompareVersions compares two versions of the form major.minor.patch with an optional pre-release, as Semantic
// Versioning does. Parts that are no numbers compare as text.
func CompareVersions(a, b string) int {
	numbersA, preA := splitVersion(a)
	numbersB, preB := splitVersion(b)
	return cmp.Or(compareParts(numbersA, numbersB), comparePre(preA, preB))
}

// splitVersion returns the numbers of a version and its pre-release. Build metadata does not count.
func splitVersion(s string) (numbers, pre string) {
	s, _, _ = strings.Cut(strings.TrimPrefix(s, "v"), "+")
	numbers, pre, _ = strings.Cut(s, "-")
	return numbers, pre
}

// comparePre compares pre-releases. A version without one is later.
func comparePre(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == "":
		return 1
	case b == "":
		return -1
	}
	return compareParts(a, b)
}

func compareParts(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		if c := comparePart(as[i], bs[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(as), len(bs))
}

// comparePart compares numbers by value. A number is less than a text.
func comparePart(a, b string) int {
	x, errA := strconv.ParseUint(a, 10, 63)
	y, errB := strconv.ParseUint(b, 10, 63)
	switch {
	case errA == nil && errB == nil:
		return cmp.Compare(x, y)
	case errA == nil:
		return -1
	case errB == nil:
		return 1
	}
	return cmp.Compare(a, b)
}
