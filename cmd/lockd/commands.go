package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockd/lockd/cmd/lockd/certificates"
)

// addCommands adds all commands in groups. Commands that send requests to nodes have the flags for that, and those that
// print a response have its format.
func (c *cli) addCommands(root *cobra.Command) {
	nodes, output := c.nodeFlags(), c.outputFlag()
	reaching := func(commands ...*cobra.Command) []*cobra.Command {
		for _, cmd := range commands {
			cmd.Flags().AddFlagSet(nodes)
		}
		return commands
	}
	printing := func(commands ...*cobra.Command) []*cobra.Command {
		for _, cmd := range commands {
			cmd.PersistentFlags().AddFlagSet(nodes)
			cmd.PersistentFlags().AddFlag(output)
		}
		return commands
	}
	group := func(id, title string, commands ...[]*cobra.Command) {
		root.AddGroup(&cobra.Group{ID: id, Title: title + ":"})
		for _, some := range commands {
			for _, cmd := range some {
				cmd.GroupID = id
				root.AddCommand(cmd)
			}
		}
	}
	group("locks", "Locks and elections", reaching(newLockCommand(c), newElectCommand(c), newAgentCommand(c)),
		printing(newAcquireCommand(c), newRenewCommand(c), newReleaseCommand(c), newTransferCommand(c)))
	group("leases", "Leases", printing(newGetCommand(c), newExplainCommand(c), newListCommand(c), newWatchCommand(c), newHistoryCommand(c), newCheckCommand(c),
		newStepDownCommand(c), newBreakCommand(c)), reaching(newTopCommand(c)))
	group("cluster", "Cluster", printing(newClusterCommand(c), newHealthCommand(c), newLogLevelCommand(c), newBenchCommand(c)))
	group("access", "Access", printing(newTokenCommand(c), newPrincipalCommand(c), newQuotaCommand(c), newAuthCommand(c), newAuditCommand(c)),
		reaching(newKubeconfigCommand(c), newKubeCredentialsCommand(c)))
	group("server", "Server", []*cobra.Command{newServerCommand(), newConfigCommand(c), c.certificates(), newRecoverCommand()})
	group("other", "Other", []*cobra.Command{newVersionCommand(c)})
	root.SetHelpCommandGroupID("other")
	root.SetCompletionCommandGroupID("other")
	root.AddCommand(newWatchdogCommand())
}

func (c *cli) certificates() *cobra.Command {
	return certificates.New(certificates.Config{Out: c.out, Print: c.print, Format: c.outputFlag(), Args: arguments,
		Usage: func(err error) error { return usageError{err} }})
}

// printHelp prints the help of a command: what it does, examples, the rest of the description, and the flags.
func printHelp(cmd *cobra.Command, _ []string) {
	summary, rest, _ := strings.Cut(strings.TrimSpace(cmp.Or(cmd.Long, cmd.Short)), "\n\n")
	out, example := cmd.OutOrStdout(), cmd.Example
	fmt.Fprintf(out, "%s\n\n", summary)
	if example != "" {
		fmt.Fprintf(out, "Examples:\n%s\n\n", example)
	}
	if rest != "" {
		fmt.Fprintf(out, "%s\n\n", rest)
	}
	cmd.Example = "" // the usage would repeat it
	fmt.Fprint(out, cmd.UsageString())
	cmd.Example = example
}
