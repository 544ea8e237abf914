package validate

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/lockd/lockd/internal/kube/status"
)

// A list collects causes.
type list []status.Cause

func (l *list) add(reason, field, message, detail string) {
	if detail != "" {
		message += ": " + detail
	}
	*l = append(*l, status.Cause{Reason: reason, Field: field, Message: message})
}

func (l *list) required(field, detail string) {
	l.add("FieldValueRequired", field, "Required value", detail)
}

func (l *list) forbidden(field, detail string) {
	l.add("FieldValueForbidden", field, "Forbidden", detail)
}

func (l *list) invalid(field string, value any, detail string) {
	l.add("FieldValueInvalid", field, "Invalid value: "+quoted(value), detail)
}

// invalidFor adds one cause for each problem.
func (l *list) invalidFor(field string, value any, problems []string) {
	for _, problem := range problems {
		l.invalid(field, value, problem)
	}
}

func (l *list) unsupported(field string, value any, supported ...string) {
	texts := make([]string, len(supported))
	for i, s := range supported {
		texts[i] = strconv.Quote(s)
	}
	l.add("FieldValueNotSupported", field, "Unsupported value: "+quoted(value), "supported values: "+strings.Join(texts, ", "))
}

func (l *list) tooLong(field string, most int) {
	l.add("FieldValueTooLong", field, "Too long", fmt.Sprintf("may not be more than %d bytes", most))
}

// quoted returns a value as messages have it: strings in quotes, all others as JSON.
func quoted(value any) string {
	if text, ok := value.(string); ok {
		return strconv.Quote(text)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}
