package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	lockd "github.com/lockd/lockd/clients/go"
)

// The variables by which a command learns what it holds.
const (
	tokenVariable = "LOCKD_FENCING_TOKEN"
	nameVariable  = "LOCKD_LOCK_NAME"
	slotVariable  = "LOCKD_SLOT"
	ttlVariable   = "LOCKD_LEASE_TTL"
	heldVariable  = "LOCKD_LOCK_HELD"
)

// givenVariables are all of these. They set no flag, and a lockd that such a command
// runs does not warn of them.
var givenVariables = []string{tokenVariable, nameVariable, slotVariable, ttlVariable, heldVariable}

// environment is that of what runs because of a lease, while it is held or after.
// A session is a secret, and stays here.
func (g *guarded) environment(l *lockd.Lease, held bool) []string {
	own := map[string]string{
		envName("addr"): strings.Join(g.c.addrs, ","), envName("holder"): l.Holder, nameVariable: l.Name,
		tokenVariable: fmt.Sprint(l.Token), slotVariable: fmt.Sprint(l.Slot), ttlVariable: short(l.Grant().TTL.Duration()),
		heldVariable: strconv.FormatBool(held),
	}
	var all []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if _, ok := own[name]; !ok && name != envName("session") {
			all = append(all, entry)
		}
	}
	for name, value := range own {
		all = append(all, name+"="+value)
	}
	return all
}

// withToken puts the token where the command's arguments name it.
func withToken(args []string, token uint64) []string {
	var all []string
	for _, a := range args {
		all = append(all, strings.ReplaceAll(a, "{token}", fmt.Sprint(token)))
	}
	return all
}
