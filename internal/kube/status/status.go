// Package status has the errors of the Kubernetes API. Their reasons and messages are those of kube-apiserver, because
// clients decide by them.
package status

import (
	"encoding/json"
	"slices"
	"strings"
)

// A Status is an answer that is not an object: most often an error, or the success of a delete.
type Status struct {
	Status  string // "Failure" or "Success"
	Message string
	Reason  string
	Details *Details
	Code    int // the HTTP status code
}

// Details name the object that an error is about, and the causes of the error.
type Details struct {
	Name              string  `json:"name,omitempty"`
	Group             string  `json:"group,omitempty"`
	Kind              string  `json:"kind,omitempty"`
	UID               string  `json:"uid,omitempty"`
	Causes            []Cause `json:"causes,omitempty"`
	RetryAfterSeconds int     `json:"retryAfterSeconds,omitempty"`
}

// A Cause is one reason for an error, most often a field with a wrong value.
type Cause struct {
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	Field   string `json:"field,omitempty"`
}

// The values of Status.Status.
const (
	Failure = "Failure"
	Success = "Success"
)

// Error returns the message.
func (s *Status) Error() string { return s.Message }

// RetryAfter returns the value of the header Retry-After in seconds, or 0 if the client should not repeat the request.
func (s *Status) RetryAfter() int {
	if s.Details == nil {
		return 0
	}
	return s.Details.RetryAfterSeconds
}

// MarshalJSON returns the object of kind Status.
func (s *Status) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Kind       string   `json:"kind"`
		APIVersion string   `json:"apiVersion"`
		Metadata   struct{} `json:"metadata"`
		Status     string   `json:"status,omitempty"`
		Message    string   `json:"message,omitempty"`
		Reason     string   `json:"reason,omitempty"`
		Details    *Details `json:"details,omitempty"`
		Code       int      `json:"code,omitempty"`
	}{"Status", "v1", struct{}{}, s.Status, s.Message, s.Reason, s.Details, s.Code})
}

// Summary returns the causes as kube-apiserver lists them in a message, without repetitions.
func Summary(causes []Cause) string {
	texts := make([]string, 0, len(causes))
	for _, c := range causes {
		text := c.Message
		if c.Field != "" {
			text = c.Field + ": " + c.Message
		}
		if !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	if len(texts) == 1 {
		return texts[0]
	}
	return "[" + strings.Join(texts, ", ") + "]"
}
