package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/pflag"

	"github.com/lockd/lockd/internal/config"
)

// headers is the value of a flag: header lines to send with each request.
type headers struct {
	to       *http.Header
	wrong    *error
	fromFile bool // the value is the path of a file with header lines
}

const maxHeaderFile = 64 << 10

func (h *headers) String() string { return "" } // values are secrets

// Type names the kind in the help.
func (h *headers) Type() string {
	if h.fromFile {
		return "path"
	}
	return "'NAME: VALUE'"
}

// Set adds one header per line. An error is stored and reported later, because the error of a flag
// would contain the value, which may be a secret.
func (h *headers) Set(s string) error {
	if err := h.add(s); err != nil {
		*h.wrong = err
	}
	return nil
}

func (h *headers) add(s string) error {
	if h.fromFile {
		text, err := config.ReadSmallFile(s, maxHeaderFile)
		if err != nil {
			return fmt.Errorf("--header-file: %w", err)
		}
		s = string(text)
	}
	if *h.to == nil {
		*h.to = make(http.Header)
	}
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return errors.New("--header: a header must have the form 'Name: value'")
		}
		h.to.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return nil
}

// addHeaderFlags adds the flags for headers, which a proxy in front of the nodes may need.
func (c *cli) addHeaderFlags(flags *pflag.FlagSet) {
	flags.Var(&headers{to: &c.headers, wrong: &c.wrongHeader}, "header", "header to send with each request, can be repeated; other users can see it in the process list")
	flags.Var(&headers{to: &c.headers, wrong: &c.wrongHeader, fromFile: true}, "header-file", "file with headers, one per line, for secret values")
	config.Bind(flags, "header", "header-file")
}
