package form

import (
	"strings"

	"github.com/lockd/lockd/internal/spelling"
)

// Unknown returns the reason for an unknown member or parameter, with the most similar known name, if there is one.
func Unknown(name string, known []string) string {
	meant := suggest(name, known)
	switch {
	case meant == "":
		return "is unknown"
	case strings.HasSuffix(meant, "_ms"):
		return "is unknown: did you mean " + meant + ", in milliseconds?"
	}
	return "is unknown: did you mean " + meant + "?"
}

// otherNames returns names that other systems use for a member, as plain returns them, with lockd's names.
func otherNames() map[string][]string {
	return map[string][]string{
		"timeout": {"wait_ms"}, "maxwait": {"wait_ms"}, "block": {"wait_ms"}, "blocking": {"wait_ms"},
		"duration": {"ttl_ms"}, "lease": {"names", "name", "ttl_ms"}, "leasetime": {"ttl_ms"}, "expiry": {"ttl_ms"}, "expires": {"ttl_ms"}, "expiresin": {"ttl_ms"},
		"lockdelay": {"delay_ms"}, "cooldown": {"delay_ms"}, "deadline": {"within_ms"},
		"owner": {"holder", "session"}, "client": {"holder"}, "clientid": {"holder"}, "label": {"holder"}, "identity": {"holder"},
		"sessionid": {"session"}, "secret": {"session"},
		"fence": {"token"}, "fencing": {"token"}, "fencingtoken": {"token"},
		"key": {"names", "name"}, "keys": {"names"}, "lock": {"names", "name"}, "locks": {"names", "leases"}, "id": {"name"}, "name": {"names", "id"},
		"slots": {"limit"}, "max": {"limit"}, "permits": {"limit"}, "count": {"limit"}, "pagesize": {"limit"},
		"metadata": {"meta"}, "data": {"meta"}, "value": {"meta"}, "message": {"reason"}, "comment": {"reason"},
		"candidate": {"to"}, "target": {"to"}, "node": {"id", "to"}, "since": {"after"}, "index": {"after"}, "revision": {"after"}, "page": {"cursor"},
		"consistent": {"stale"},
	}
}

// suggest returns the known name that the client probably meant, or "".
func suggest(name string, known []string) string {
	if len(name) > 40 {
		return ""
	}
	for _, k := range known {
		if plain(k) == plain(name) {
			return k
		}
	}
	for _, other := range otherNames()[plain(name)] {
		for _, k := range known {
			if k == other {
				return k
			}
		}
	}
	for _, k := range known {
		if withoutUnit(k) == withoutUnit(name) {
			return k
		}
	}
	return Closest(name, known)
}

// plain removes the differences between the styles of a name: ttlMs, ttl-ms and TTL_MS become ttlms.
func plain(s string) string {
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(s))
}

// withoutUnit is like plain, without a unit of time at the end.
func withoutUnit(s string) string {
	s = plain(s)
	for _, unit := range []string{"milliseconds", "millis", "seconds", "secs", "sec", "ms", "s"} {
		if rest, ok := strings.CutSuffix(s, unit); ok && len(rest) > 1 {
			return rest
		}
	}
	return s
}

// Closest returns the candidate with the smallest distance to name: at most 2, and at most a third of the length of
// name. It returns "" if there is none.
func Closest(name string, candidates []string) string {
	best, least := "", min(2, len(name)/3)
	for _, c := range candidates {
		if d := spelling.Distance(name, c); d <= least && (best == "" || d < least) {
			best, least = c, d
		}
	}
	return best
}
