package run

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
)

// Variables of the environment of a command. The first three are also those of flags.
const (
	addrVariable   = "LOCKD_ADDR"
	holderVariable = "LOCKD_HOLDER"
	caVariable     = "LOCKD_CACERT"
	tokenVariable  = "LOCKD_FENCING_TOKEN"
	nameVariable   = "LOCKD_LOCK_NAME"
	slotVariable   = "LOCKD_SLOT"
	ttlVariable    = "LOCKD_LEASE_TTL"
	heldVariable   = "LOCKD_LOCK_HELD"
)

// isSecret reports whether a command does not receive a variable: it has a secret, or the file of one. Whoever has
// the credentials of lockd and a session can release the lease.
func isSecret(variable string) bool {
	switch variable {
	case "LOCKD_SESSION", "LOCKD_SESSION_FILE", "LOCKD_TOKEN", "LOCKD_TOKEN_FILE", "LOCKD_CERT", "LOCKD_KEY":
		return true
	}
	return false
}

// Variables returns the variables that describe a lease to a command and that set no flag.
func Variables() []string {
	return []string{tokenVariable, nameVariable, slotVariable, ttlVariable, heldVariable}
}

// environment returns the environment of a command that runs while the lease is held or after it.
// It contains neither the session nor the credentials of lockd.
func (r *runner) environment(l *lockd.Lease, held bool) []string {
	own := map[string]string{
		addrVariable: strings.Join(r.Addresses, ","), holderVariable: l.Holder, nameVariable: l.Name,
		tokenVariable: fmt.Sprint(l.Token), slotVariable: fmt.Sprint(l.Slot), ttlVariable: console.ShortDuration(l.Grant().TTL.Duration()),
		heldVariable: strconv.FormatBool(held),
	}
	if r.CAFile != "" {
		own[caVariable] = r.CAFile
	}
	var all []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if _, ok := own[name]; !ok && !isSecret(name) {
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
