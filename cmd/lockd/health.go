package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"
)

// healthTimeout is short, because container health checks use this command.
const healthTimeout = 2 * time.Second

func newHealthCommand(c *cli) *cobra.Command {
	var live bool
	cmd := &cobra.Command{
		Use:     "health",
		Short:   "Check whether nodes are ready: exit 0 if all are, else 1",
		Example: "  lockd health --addr lock-1:7400,lock-2:7400,lock-3:7400",
		Args:    arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, timeout := "/readyz", healthTimeout
			if live {
				path = "/healthz"
			}
			if cmd.Flags().Changed("timeout") {
				timeout = c.timeout
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return c.health(ctx, path)
		},
	}
	cmd.Flags().BoolVar(&live, "live", false, "check only whether the process is alive")
	return cmd
}

type healthAnswer struct {
	Addr   string `json:"addr"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

func (c *cli) health(ctx context.Context, path string) error {
	check, err := c.connect.HealthCheck(path)
	if err != nil {
		return usageError{err}
	}
	answers, allOK := []healthAnswer{}, true
	t := &table{Head: "ADDR\tOK\tDETAIL"}
	for _, addr := range c.addrs {
		a := healthAnswer{Addr: addr}
		a.OK, a.Detail = check(ctx, addr)
		allOK = allOK && a.OK
		answers = append(answers, a)
		t.Add(a.Addr, yesNo(a.OK), a.Detail)
	}
	if err := c.print(answers, t); err != nil {
		return err
	}
	if !allOK {
		return errors.New("not healthy")
	}
	return nil
}
