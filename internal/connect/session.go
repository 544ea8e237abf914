package connect

import (
	"fmt"
	"io"
	"strings"

	"github.com/lockd/lockd/internal/config"
)

// maxSessionFile bounds the text that contains a session, in bytes.
const maxSessionFile = 1 << 10

// SessionFile returns the session in a file.
func SessionFile(path string) (string, error) {
	text, err := config.ReadSmallFile(path, maxSessionFile)
	if err != nil {
		return "", fmt.Errorf("--session-file: %w", err)
	}
	return sessionOf(text, "--session-file "+path)
}

// ReadSession reads a session from stdin.
func ReadSession(from io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(from, maxSessionFile))
	if err != nil {
		return "", fmt.Errorf("read the session from stdin: %w", err)
	}
	return sessionOf(text, "stdin")
}

// sessionOf removes the line break at the end. An empty session would be a random one.
func sessionOf(text []byte, from string) (string, error) {
	session := strings.TrimRight(string(text), " \t\r\n")
	if session == "" {
		return "", fmt.Errorf("%s contains no session", from)
	}
	return session, nil
}
