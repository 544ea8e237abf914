package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newConfigCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show and check the server's settings",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newConfigShowCommand(c))
	return cmd
}

func newConfigShowCommand(c *cli) *cobra.Command {
	f := newServerFlags()
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Show every setting of the server, its value and where that is from",
		Long: `Show every setting of the server, its value and where that is from: a flag, a
variable, a line of the file, or the default. It takes what lockd server takes,
and checks it as lockd server does, without starting anything: the exit code is
64 where the server would refuse it.`,
		Example: "  lockd config show --config /etc/lockd/lockd.yaml",
		Args:    arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, s := range strays(cmd) {
				fmt.Fprintln(cmd.ErrOrStderr(), "lockd: warning:", s)
			}
			wrong := f.load(cmd.Flags())
			if err := c.showSettings(cmd, f.settings); err != nil {
				return err
			}
			return wrong
		},
	}
	f.addTo(cmd.Flags())
	cmd.Flags().AddFlag(c.outputFlag())
	return cmd
}

type settingAnswer struct {
	Setting string `json:"setting"`
	Value   any    `json:"value"`
	From    string `json:"from"`
}

func (c *cli) showSettings(cmd *cobra.Command, settings []setting) error {
	var answers []settingAnswer
	t := &table{head: "SETTING\tVALUE\tFROM"}
	for _, s := range settings {
		from := origin(cmd.Flags().Lookup(s.name))
		shown := s.value.String()
		if shown == "" && s.absent != "" {
			shown = fmt.Sprintf("(%s)", s.absent)
		}
		answers = append(answers, settingAnswer{s.name, s.value.plain(), from})
		t.add(s.name, shown, from)
	}
	return c.print(answers, t)
}
