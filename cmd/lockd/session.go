package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockd/lockd/internal/config"
)

// maxSessionFile bounds the text that contains a session, in bytes.
const maxSessionFile = 1 << 10

// sessionFlags adds the flags for the secret of a holder, and reads it before the command runs.
func (c *cli) sessionFlags(cmd *cobra.Command, session *string, needed bool, usage string) {
	var file string
	flags := cmd.Flags()
	flags.StringVar(session, "session", "", usage+"; - to read it from stdin")
	flags.StringVar(&file, "session-file", "", "file with the session, since other users can see flags in the process list")
	config.Bind(flags, "session", "session-file")
	cmd.PreRunE = func(*cobra.Command, []string) (err error) {
		text, path := flags.Lookup("session"), flags.Lookup("session-file")
		switch fromFlag := config.Origin(text) == "flag"; {
		case text.Changed && path.Changed && fromFlag == (config.Origin(path) == "flag"):
			err = errors.New("pass --session or --session-file, not both")
		case path.Changed && !fromFlag:
			*session, err = sessionIn(file)
		case *session == "-":
			*session, err = readSession(c.in)
		case needed && *session == "":
			err = errors.New("want --session SESSION or --session-file FILE, with the session that acquire printed")
		}
		return err
	}
}

func sessionIn(path string) (string, error) {
	text, err := config.ReadSmallFile(path, maxSessionFile)
	if err != nil {
		return "", fmt.Errorf("--session-file: %w", err)
	}
	return sessionOf(text, "--session-file "+path)
}

func readSession(from io.Reader) (string, error) {
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
