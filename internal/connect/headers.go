package connect

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/lockd/lockd/internal/config"
)

// header is the value of a flag: header lines to send with each request.
type header struct {
	to       *Flags
	fromFile bool // the value is the path of a file with header lines
}

const maxHeaderFile = 64 << 10

func (h *header) String() string { return "" } // values are secrets

// Type names the kind in the help.
func (h *header) Type() string {
	if h.fromFile {
		return "path"
	}
	return "'NAME: VALUE'"
}

// Set adds one header per line. An error is stored and reported later, because the error of a flag
// would contain the value, which may be a secret.
func (h *header) Set(s string) error {
	if err := h.add(s); err != nil {
		h.to.wrongHeader = err
	}
	return nil
}

func (h *header) add(s string) error {
	if h.fromFile {
		text, err := config.ReadSmallFile(s, maxHeaderFile)
		if err != nil {
			return fmt.Errorf("--header-file: %w", err)
		}
		s = string(text)
	}
	if h.to.headers == nil {
		h.to.headers = make(http.Header)
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
		h.to.headers.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return nil
}
