package main

import (
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	lockd "github.com/lockd/lockd/clients/go"

	"github.com/lockd/lockd/internal/config"
)

// Variables that describe the lease to the command.
const (
	tokenVariable = "LOCKD_FENCING_TOKEN"
	nameVariable  = "LOCKD_LOCK_NAME"
	slotVariable  = "LOCKD_SLOT"
	ttlVariable   = "LOCKD_LEASE_TTL"
	heldVariable  = "LOCKD_LOCK_HELD"
)

// givenVariables are the variables above. They set no flag, and lockd does not warn about them.
var givenVariables = []string{tokenVariable, nameVariable, slotVariable, ttlVariable, heldVariable}

// environment returns the environment of a command that runs while the lease is held or after it.
// It does not contain the session, which is a secret.
func (g *guarded) environment(l *lockd.Lease, held bool) []string {
	own := map[string]string{
		config.EnvName("addr"): strings.Join(g.c.addrs, ","), config.EnvName("holder"): l.Holder, nameVariable: l.Name,
		tokenVariable: fmt.Sprint(l.Token), slotVariable: fmt.Sprint(l.Slot), ttlVariable: config.ShortDuration(l.Grant().TTL.Duration()),
		heldVariable: strconv.FormatBool(held),
	}
	maps.Copy(own, g.c.tls.variables())
	var all []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if _, ok := own[name]; !ok && name != config.EnvName("session") {
			all = append(all, entry)
		}
	}
	for name, value := range own {
		all = append(all, name+"="+value)
	}
	return all
}

// withToken replaces {token} in the arguments.
func withToken(args []string, token uint64) []string {
	var all []string
	for _, a := range args {
		all = append(all, strings.ReplaceAll(a, "{token}", fmt.Sprint(token)))
	}
	return all
}

// unknownVariables returns the LOCKD_ variables that are set and that no command knows.
func unknownVariables(cmd *cobra.Command) []config.UnknownVariable {
	return config.UnknownVariables(append(variables(cmd.Root()), givenVariables...))
}

// variables returns the variables that set a flag of cmd or of its subcommands.
func variables(cmd *cobra.Command) (names []string) {
	add := func(f *pflag.Flag) {
		if variable := config.Variable(f); variable != "" {
			names = append(names, variable)
		}
	}
	cmd.Flags().VisitAll(add)
	cmd.PersistentFlags().VisitAll(add)
	for _, sub := range cmd.Commands() {
		names = append(names, variables(sub)...)
	}
	return names
}
