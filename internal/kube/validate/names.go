// Package validate checks objects of the Kubernetes API as kube-apiserver does, with its messages.
package validate

import (
	"fmt"
	"regexp"
	"strings"
)

const (
	labelForm     = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
	subdomainForm = labelForm + `(\.` + labelForm + ")*"
	keyForm       = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
	valueForm     = "(" + keyForm + ")?"
	configKeyForm = "[-._a-zA-Z0-9]+"

	labelText     = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character"
	subdomainText = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
	keyText       = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
	valueText     = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
	configKeyText = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
)

var (
	label     = regexp.MustCompile("^" + labelForm + "$")
	subdomain = regexp.MustCompile("^" + subdomainForm + "$")
	key       = regexp.MustCompile("^" + keyForm + "$")
	value     = regexp.MustCompile("^" + valueForm + "$")
	configKey = regexp.MustCompile("^" + configKeyForm + "$")
)

// malformed returns the message for a text that does not match a form.
func malformed(text, form string, examples ...string) string {
	for i, e := range examples {
		examples[i] = "'" + e + "', "
	}
	return text + " (e.g. " + strings.Join(examples, " or ") + "regex used for validation is '" + form + "')"
}

func tooLong(most int, unit string) string {
	return fmt.Sprintf("must be no more than %d %s", most, unit)
}

// Subdomain returns what is wrong with a DNS subdomain, such as the name of a Lease.
func Subdomain(name string) []string { return subdomainIn(name, "characters") }

func subdomainIn(name, unit string) (wrong []string) {
	if len(name) > 253 {
		wrong = append(wrong, tooLong(253, unit))
	}
	if !subdomain.MatchString(name) {
		wrong = append(wrong, malformed(subdomainText, subdomainForm, "example.com"))
	}
	return wrong
}

// Label returns what is wrong with a DNS label, such as the name of a namespace.
func Label(name string) (wrong []string) {
	if len(name) > 63 {
		wrong = append(wrong, tooLong(63, "characters"))
	}
	switch {
	case label.MatchString(name):
	case subdomain.MatchString(name):
		wrong = append(wrong, "must not contain dots")
	default:
		wrong = append(wrong, malformed(labelText, labelForm, "my-name", "123-abc"))
	}
	return wrong
}

// ConfigKey returns what is wrong with a name that may have upper case letters, such as that of a LeaseCandidate.
func ConfigKey(name string) (wrong []string) {
	if len(name) > 253 {
		wrong = append(wrong, tooLong(253, "characters"))
	}
	if !configKey.MatchString(name) {
		wrong = append(wrong, malformed(configKeyText, configKeyForm, "key.name", "KEY_NAME", "key-name"))
	}
	switch {
	case name == "." || name == "..":
		wrong = append(wrong, "must not be '"+name+"'")
	case strings.HasPrefix(name, ".."):
		wrong = append(wrong, "must not start with '..'")
	}
	return wrong
}

// PathSegment returns what is wrong with a name that only has to fit into a path, such as that of an Event.
func PathSegment(name string) (wrong []string) {
	if name == "." || name == ".." {
		return []string{"may not be '" + name + "'"}
	}
	for _, part := range []string{"/", "%"} {
		if strings.Contains(name, part) {
			wrong = append(wrong, "may not contain '"+part+"'")
		}
	}
	return wrong
}

// LabelKey returns what is wrong with the key of a label, an annotation or a finalizer: a name with an optional prefix.
func LabelKey(text string) (wrong []string) {
	name := text
	prefix, rest, ok := strings.Cut(text, "/")
	switch {
	case strings.Contains(rest, "/"):
		return []string{"a valid label key " + malformed(keyText, keyForm, "MyName", "my.name", "123-abc") +
			" with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"}
	case ok && prefix == "":
		wrong = append(wrong, "prefix part must be non-empty")
	case ok:
		for _, problem := range subdomainIn(prefix, "bytes") {
			wrong = append(wrong, "prefix part "+problem)
		}
	}
	if ok {
		name = rest
	}
	if name == "" {
		wrong = append(wrong, "name part must be non-empty")
	} else if len(name) > 63 {
		wrong = append(wrong, "name part "+tooLong(63, "bytes"))
	}
	if !key.MatchString(name) {
		wrong = append(wrong, "name part "+malformed(keyText, keyForm, "MyName", "my.name", "123-abc"))
	}
	return wrong
}

// LabelValue returns what is wrong with the value of a label.
func LabelValue(text string) (wrong []string) {
	if len(text) > 63 {
		wrong = append(wrong, tooLong(63, "bytes"))
	}
	if !value.MatchString(text) {
		wrong = append(wrong, malformed(valueText, valueForm, "MyValue", "my_value", "12345"))
	}
	return wrong
}
