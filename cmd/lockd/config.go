package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lockd/lockd/internal/config"
)

func newConfigCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "config",
		Short:   "Show and check the server's settings",
		Example: "  lockd config show --config /etc/lockd/lockd.yaml",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newConfigShowCommand(c))
	return cmd
}

func newConfigShowCommand(c *cli) *cobra.Command {
	f := config.NewServer()
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
			wrong := loadSettings(f, cmd.Flags())
			if err := c.showSettings(cmd, f.Settings); err != nil {
				return err
			}
			return wrong
		},
	}
	f.AddTo(cmd.Flags())
	cmd.Flags().AddFlag(c.outputFlag())
	return cmd
}

type settingAnswer struct {
	Setting string `json:"setting"`
	Value   any    `json:"value"`
	From    string `json:"from"`
}

func (c *cli) showSettings(cmd *cobra.Command, settings []config.Setting) error {
	var answers []settingAnswer
	t := &table{Head: "SETTING\tVALUE\tFROM"}
	for _, s := range settings {
		from := config.Origin(cmd.Flags().Lookup(s.Name))
		shown := s.Value.String()
		if shown == "" && s.Fallback != "" {
			shown = fmt.Sprintf("(%s)", s.Fallback)
		}
		answers = append(answers, settingAnswer{s.Name, s.Value.Plain(), from})
		t.Add(s.Name, shown, from)
	}
	return c.print(answers, t)
}
