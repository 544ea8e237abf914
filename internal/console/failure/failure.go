// Package failure is the JSON form of a command that failed.
package failure

import (
	"errors"
	"strings"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
)

// A Problem describes why a command failed. A refusal by a node has the members of the node's problem, except for the
// session. Other errors have a title, a detail and an exit code only.
type Problem struct {
	Type       string             `json:"type,omitempty"`
	Title      string             `json:"title"`
	Status     int                `json:"status,omitempty"`
	Detail     string             `json:"detail"`
	ExitCode   int                `json:"exit_code"`
	Definitive *bool              `json:"definitive,omitempty"` // nil: no node refused the request
	Lost       bool               `json:"lost,omitempty"`
	RetryAfter int64              `json:"retry_after_ms,omitempty"`
	Errors     []lockd.FieldError `json:"errors,omitempty"`
	Lease      *lockd.State       `json:"lease,omitempty"`
	Leases     []lockd.State      `json:"leases,omitempty"`
}

// New returns the problem of an error. The title is used if the error is no refusal by a node.
func New(err error, title string, exitCode int) Problem {
	p := Problem{Title: title, Detail: console.ErrorText(err), ExitCode: exitCode}
	var refused *lockd.Error
	if !errors.As(err, &refused) || refused.Type == "" {
		return p
	}
	p.Type, p.Title, p.Status, p.Definitive = "/problems/"+refused.Type, refused.Title, refused.Status, &refused.Definitive
	if refused.Detail != "" {
		p.Detail = refused.Detail
	}
	p.Lost, p.RetryAfter, p.Errors = refused.Lost, refused.RetryAfter.Milliseconds(), refused.FieldErrors
	p.Lease, p.Leases = refused.Lease, refused.Leases
	return p
}

// FormatIn returns the format that a command line asks for, if the line could not be parsed.
func FormatIn(args []string, variable string) console.Format {
	line := " " + strings.Join(args, " ") + " "
	for _, form := range []string{" -o json ", " -o=json ", " -ojson ", " --output json ", " --output=json "} {
		if strings.Contains(line, form) {
			return console.FormatJSON
		}
	}
	return console.Format(variable)
}
