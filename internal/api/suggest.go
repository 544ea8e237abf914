package api

import "strings"

// unknown says that a member or parameter is not known, and which was meant, if that can be guessed.
func unknown(name string, known []string) string {
	meant := suggest(name, known)
	switch {
	case meant == "":
		return "is not known here"
	case strings.HasSuffix(meant, "_ms"):
		return "is not known here: did you mean " + meant + ", in milliseconds?"
	}
	return "is not known here: did you mean " + meant + "?"
}

// otherNames are what members are called elsewhere, as plain returns them.
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

// suggest returns the known name that was meant, or nothing.
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
	return closest(name, known)
}

// plain leaves out what differs between the ways to write a name: ttlMs, ttl-ms and TTL_MS are ttlms.
func plain(s string) string {
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(s))
}

// withoutUnit is plain without a unit of time at the end.
func withoutUnit(s string) string {
	s = plain(s)
	for _, unit := range []string{"milliseconds", "millis", "seconds", "secs", "sec", "ms", "s"} {
		if rest, ok := strings.CutSuffix(s, unit); ok && len(rest) > 1 {
			return rest
		}
	}
	return s
}

// closest returns the candidate that differs from a name in the fewest letters: at most two, and a third of them.
func closest(name string, candidates []string) string {
	best, least := "", min(2, len(name)/3)
	for _, c := range candidates {
		if d := distance(name, c); d <= least && (best == "" || d < least) {
			best, least = c, d
		}
	}
	return best
}

// distance returns how many bytes must be inserted, removed or replaced to turn a into b. Both are short.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := before
			if a[i] != b[j] {
				replaced++
			}
			before = row[j+1]
			row[j+1] = min(replaced, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
