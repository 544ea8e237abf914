// Package hints has the sentences that answer a request with a wrong path or method. They name the route that was
// probably meant.
package hints

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockd/lockd/internal/api/form"
)

// LeasesPath is the path of the leases, with a slash at the end.
const LeasesPath = "/v1/leases/"

// LeaseActions returns the last segments of the paths of a lease's actions. If the last segment of a lease's name is
// one of them, the client must send the slash before it as %2F.
func LeaseActions() []string {
	return append([]string{"acquire", "renew", "release", "transfer", "step-down", "break"}, leaseReads()...)
}

func leaseReads() []string { return []string{"check", "history", "explain"} }

// Path returns the hint for a path that no route has. exists reports whether a route has a path.
func Path(path string, exists func(string) bool) string {
	switch {
	case path == LeasesPath:
		return ": the name of the lease is missing."
	case exists(strings.TrimRight(path, "/")):
		return fmt.Sprintf(": did you mean %.200q, without the slash at the end?", strings.TrimRight(path, "/"))
	case exists("/v1" + path):
		return fmt.Sprintf(": did you mean %.200q?", "/v1"+path)
	case exists(strings.ToLower(path)):
		return ": paths are in lower case."
	}
	if like := form.Closest(firstSegments(path), routeStarts()); like != "" {
		return fmt.Sprintf(": did you mean %s?", like)
	}
	return "."
}

// routeStarts returns the first segments of the paths of all routes.
func routeStarts() []string {
	return []string{
		"/v1/leases", "/v1/acquire", "/v1/sessions", "/v1/watch", "/v1/cluster", "/v1/events", "/v1/holders", "/v1/stats",
		"/healthz", "/readyz", "/metrics", "/openapi.yaml", "/docs", "/problems", "/ui",
	}
}

// firstSegments returns the part of a path that is compared with routeStarts.
func firstSegments(path string) string {
	segments := strings.SplitN(strings.TrimPrefix(path, "/"), "/", 3)
	if segments[0] == "v1" && len(segments) > 1 {
		return "/v1/" + segments[1]
	}
	return "/" + segments[0]
}

// Method returns the hint for a wrong method of a path below LeasesPath.
func Method(rest string) string {
	_, action, isAction := strings.Cut(rest, "/")
	switch {
	case !isAction:
		return "Use GET to read a lease. To change it, send a POST to one of its actions: " + LeasesPath + "NAME/acquire, renew, release, transfer, step-down or break."
	case slices.Contains(leaseReads(), action):
		return action + " is a GET. If the lease's name ends in /" + action + ", send that slash as %2F."
	}
	return action + " is a POST. If the lease's name ends in /" + action + ", send that slash as %2F."
}
