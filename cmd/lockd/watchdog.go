package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/lockd/lockd/internal/run/guard"
)

// watchdogVerb is the command that lock and elect start.
const watchdogVerb = "watchdog"

func newWatchdogCommand() *cobra.Command {
	return &cobra.Command{
		Use:    watchdogVerb + " FD",
		Short:  "Guard a command of lock or elect; only they start it",
		Hidden: true,
		Args:   arguments(1, "FD"),
		RunE: func(_ *cobra.Command, args []string) error {
			fd, err := strconv.ParseUint(args[0], 10, 31)
			if err != nil {
				return usageError{fmt.Errorf("%q is not a file descriptor", args[0])}
			}
			return guard.Watch(int(fd))
		},
	}
}
