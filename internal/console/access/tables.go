package access

import (
	"cmp"
	"fmt"
	"strings"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
	"github.com/lockd/lockd/internal/console/cells"
)

// List formats rules.
func List(rules []string) string { return strings.Join(rules, ",") }

// AuthTable has a row of the caller.
func AuthTable(auth *lockd.Auth) *console.Table {
	t := &console.Table{Head: "AUTHENTICATION\tBY\tPRINCIPAL\tTOKEN\tALLOWS"}
	t.Add(auth.Mode, auth.By, auth.Principal, auth.TokenID, List(auth.Rules))
	return t
}

// PrincipalTable has a row for each principal.
func PrincipalTable(principals ...lockd.Principal) *console.Table {
	t := &console.Table{Head: "NAME\tALLOWS\tREVISION"}
	for _, p := range principals {
		t.Add(p.Name, List(p.Rules), cells.Number(p.Revision))
	}
	return t
}

// TokenTable has a row for each token, without the token itself.
func TokenTable(tokens []lockd.AccessToken) *console.Table {
	t := &console.Table{Head: "ID\tPRINCIPAL\tALLOWS\tEXPIRES\tCREATED\tCREATED-BY"}
	for _, one := range tokens {
		t.Add(one.ID, one.Principal, List(one.Rules), expires(one), cells.Time(one.CreatedAt), one.CreatedBy)
	}
	return t
}

// CreatedToken describes a new token, without the token itself.
func CreatedToken(t *lockd.AccessToken) string {
	return fmt.Sprintf("lockd: token %s of %s: allows %s; expires %s; it is not shown again",
		t.ID, t.Principal, cmp.Or(List(t.Rules), "nothing"), expires(*t))
}

func expires(t lockd.AccessToken) string { return cmp.Or(cells.Time(t.ExpiresAt), "never") }

// QuotaTable shows each limit as used/limit.
func QuotaTable(quotas ...lockd.Quota) *console.Table {
	t := &console.Table{Head: "SCOPE\tLEASES\tWAITERS\tBYTES\tWATCHERS"}
	for _, q := range quotas {
		used := lockd.QuotaUsed{}
		if q.Used != nil {
			used = *q.Used
		}
		of := func(used, limit uint64) string {
			switch {
			case limit == 0:
				return "-"
			case q.Used == nil:
				return fmt.Sprint(limit)
			}
			return fmt.Sprintf("%d/%d", used, limit)
		}
		t.Add(q.Scope, of(used.Leases, q.Leases), of(used.Waiters, q.Waiters), of(used.Bytes, q.Bytes), of(used.Watchers, q.Watchers))
	}
	return t
}
