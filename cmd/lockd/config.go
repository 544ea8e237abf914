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
		Short: "Show every setting of the server, its value and its source",
		Long: `Show every setting of the server, its value and its source: a flag, a variable, a
line of the file, or the default. It accepts the flags of lockd server, and checks
them as lockd server does, without starting anything. The exit code is 64 if the
server would refuse the settings.`,
		Example: "  lockd config show --config /etc/lockd/lockd.yaml",
		Args:    arguments(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, s := range unknownVariables(cmd) {
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
		if shown == "" && s.fallback != "" {
			shown = fmt.Sprintf("(%s)", s.fallback)
		}
		answers = append(answers, settingAnswer{s.name, s.value.plain(), from})
		t.add(s.name, shown, from)
	}
	return c.print(answers, t)
}
