package lockd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"
)

const (
	tokenRereadInterval = time.Minute // after which a token file is read again
	maxTokenBytes       = 16 << 10
)

// tokenForm is the form of a token in the Authorization header (RFC 6750).
var tokenForm = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

// errTokenForm does not contain the token.
var errTokenForm = errors.New("it must be one token of A-Z a-z 0-9 . _ ~ + / - with = only at its end")

// tokens is the token that requests carry, and the file from which it is read. No method and no
// error shows the token, except current.
type tokens struct {
	file string // "": none
	log  *slog.Logger

	// mu guards the fields below.
	mu         sync.Mutex
	token      string // "": none
	readAt     instant
	unreadable bool // the last read failed, and a warning was logged
	refused    bool // the last renewal was refused for its credentials, and a warning was logged
}

// newTokens reads the token of a Config. It refuses addresses to which the token would be sent in
// plain text over a network.
func newTokens(cfg Config, addrs []endpoint, log *slog.Logger) (*tokens, error) {
	t := &tokens{file: cfg.TokenFile, log: log, token: cfg.Token, readAt: systemClock()}
	var err error
	switch {
	case cfg.Token != "" && cfg.TokenFile != "":
		return nil, errors.New("lockd: Token and TokenFile are both set; set only one of them")
	case cfg.TokenFile != "":
		if t.token, err = readToken(cfg.TokenFile); err != nil {
			return nil, fmt.Errorf("lockd: %w", err)
		}
	case cfg.Token == "":
		return t, nil
	case !validToken(cfg.Token):
		return nil, fmt.Errorf("lockd: Token: %w", errTokenForm)
	}
	for _, a := range addrs {
		if a.exposed() && !cfg.Insecure {
			return nil, fmt.Errorf("lockd: address %q: a token is sent only over https or to this machine; write %q, or set Insecure to send it in plain text",
				a.base, "https"+strings.TrimPrefix(a.base, "http"))
		}
	}
	return t, nil
}

// exist reports whether requests carry a token.
func (t *tokens) exist() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.token != ""
}

// current returns the token for the next request, or "". A file is read again every minute.
func (t *tokens) current(now instant) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file != "" && now.since(t.readAt) >= tokenRereadInterval {
		t.reread(now)
	}
	return t.token
}

// changed reads the file again after the token was refused. It reports whether there is another
// token than the one that was sent.
func (t *tokens) changed(sent string, now instant) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.file != "" {
		t.reread(now)
	}
	return t.token != sent
}

// reread keeps the last token if the file cannot be read; t.mu is held.
func (t *tokens) reread(now instant) {
	t.readAt = now
	token, err := readToken(t.file)
	if err == nil {
		t.token, t.unreadable = token, false
		return
	}
	if !t.unreadable {
		t.log.Warn("lockd: the token file cannot be read; the last token is still used", "error", err)
	}
	t.unreadable = true
}

// renewed records the outcome of a renewal in the background. No caller receives its error, so the
// first refusal after a success is logged.
func (t *tokens) renewed(err error) {
	refused := isDenied(err)
	if err != nil && !refused {
		return
	}
	t.mu.Lock()
	again := t.refused
	t.refused = refused
	t.mu.Unlock()
	if refused && !again {
		t.log.Warn("lockd: a renewal was refused; it is repeated until the deadline of the lease", "error", err)
	}
}

// readToken reads a token from a file. White space at its end is removed.
func readToken(path string) (string, error) {
	raw, err := readUpTo(path, maxTokenBytes+1)
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err // the path is in the error below
	}
	token := strings.TrimRight(string(raw), " \t\r\n")
	if err == nil && len(raw) > maxTokenBytes {
		err = fmt.Errorf("it is longer than %d bytes", maxTokenBytes)
	} else if err == nil && !validToken(token) {
		err = errTokenForm
	}
	if err != nil {
		return "", fmt.Errorf("TokenFile %q: %w", path, err)
	}
	return token, nil
}

func readUpTo(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}

func validToken(token string) bool {
	return len(token) <= maxTokenBytes && tokenForm.MatchString(token)
}

// maskedError returns an error without the token.
func maskedError(err error, token string) error {
	if err == nil || token == "" || !strings.Contains(err.Error(), token) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), token, hidden))
}

// masked returns a refusal without the token: a proxy may respond with the headers of the request.
func masked(answer []byte, token string) []byte {
	if token == "" {
		return answer
	}
	return bytes.ReplaceAll(answer, []byte(token), []byte(hidden))
}

// refusesToken reports whether a node refused a token: with a 401, or with a 429 because it failed
// too often.
func refusesToken(err error) bool {
	var e *Error
	return errors.As(err, &e) && (errors.Is(e, ErrUnauthenticated) || e.Status == http.StatusTooManyRequests)
}

// isDenied reports whether a request was refused for its credentials. It has no effect on a hold.
func isDenied(err error) bool {
	return errors.Is(err, ErrUnauthenticated) || errors.Is(err, ErrNotAllowed)
}
