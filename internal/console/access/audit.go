package access

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
	"github.com/lockd/lockd/internal/console/cells"
)

// AuditFilter is what selects records of the audit log.
type AuditFilter struct {
	lockd.AuditOptions
	Last time.Duration // only records of this time until now; 0: all
}

// AddTo adds the flags that are texts.
func (f *AuditFilter) AddTo(flags *pflag.FlagSet) {
	flags.StringVar(&f.Actor, "actor", "", "only records of this principal, id of a token, or address")
	flags.StringVar(&f.Action, "action", "", "only actions that begin with this, such as lease. or token.create")
	flags.StringVar(&f.Name, "name", "", "only records about this lease")
	flags.StringVar(&f.Decision, "decision", "", "only records with this decision: allow or deny")
}

// Options returns the options of a request that is sent now.
func (f *AuditFilter) Options() lockd.AuditOptions {
	if f.Last > 0 {
		f.Since = time.Now().Add(-f.Last)
	}
	return f.AuditOptions
}

// AuditTable has a row for each record of the audit log, the newest first.
func AuditTable(records []lockd.AuditRecord) *console.Table {
	t := &console.Table{Head: "TIME\tNODE\tACTOR\tFROM\tACTION\tON\tDECISION\tSTATUS\tREASON"}
	for _, r := range records {
		t.Add(cells.Time(r.Time), r.Node, cmp.Or(r.Principal, "-"), r.Remote, r.Action, on(&r), r.Decision, status(r.Status), r.Reason)
	}
	return t
}

// on returns what a call was about.
func on(r *lockd.AuditRecord) string {
	return cmp.Or(strings.Join(r.Names, ","), r.Target, "-")
}

func status(code int) string {
	if code == 0 {
		return "begins"
	}
	return strconv.Itoa(code)
}
