package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/lockd/lockd/internal/config"
	"github.com/lockd/lockd/internal/connect"
)

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
			*session, err = connect.SessionFile(file)
		case *session == "-":
			*session, err = connect.ReadSession(c.in)
		case needed && *session == "":
			err = errors.New("want --session SESSION or --session-file FILE, with the session that acquire printed")
		}
		return err
	}
}
