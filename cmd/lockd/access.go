package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/app"
	"github.com/lockd/lockd/internal/config"
	"github.com/lockd/lockd/internal/connect"
)

// administration is what the commands about tokens, principals and authentication have in common.
type administration struct {
	c       *cli
	dataDir string
}

const socketHelp = `Without a token and a client certificate it uses the admin socket of the node on this
machine, in --data-dir, where every caller is an administrator: run it as the user of
that node, for example with docker exec or kubectl exec. With --data-dir on the command
line it always does.`

// newAdministration adds the flag of the data directory to a command.
func newAdministration(c *cli, cmd *cobra.Command) *administration {
	a := &administration{c: c}
	flags := cmd.PersistentFlags()
	flags.StringVar(&a.dataDir, "data-dir", app.DefaultDataDir, "data directory of the node on this machine, for its admin socket")
	config.Bind(flags, "data-dir")
	return a
}

// run sends requests to the nodes or to the admin socket.
func (a *administration) run(cmd *cobra.Command, ask func(context.Context, *lockd.Client) error) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), a.c.timeout)
	defer cancel()
	client, err := a.client(ctx, cmd)
	if err != nil {
		return err
	}
	return describeRefusal(cmd, ask(ctx, client))
}

// client returns a client of the nodes if there are credentials, else of the admin socket.
func (a *administration) client(ctx context.Context, cmd *cobra.Command) (*lockd.Client, error) {
	if config.Origin(cmd.Flags().Lookup("data-dir")) != "flag" && a.c.connect.HasCredentials() {
		return a.c.client()
	}
	socket, err := app.SocketClient(ctx, a.dataDir)
	if err != nil {
		return nil, exitError{exitUnreachable, fmt.Errorf("%w, or set LOCKD_TOKEN or --token-file", err)}
	}
	return connect.New(lockd.Config{Addresses: []string{"localhost"}, RetryFor: a.c.timeout, HTTPClient: socket, Logger: a.c.warnings})
}

func (a *administration) print(answer any, t *table) error {
	c := a.c
	return c.print(answer, t)
}

const rulesHelp = `The rights are read, acquire, operate, metrics and admin. Each of the first three
includes those before it, and has a scope: a whole name, a prefix that ends in one of
. : / _ -, or * for all names.`
