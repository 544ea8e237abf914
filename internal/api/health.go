package api

import (
	"net/http"

	"github.com/lockd/lockd/internal/api/problems"
)

// healthz answers that the process is alive.
func healthz(c *call) { c.text(http.StatusOK, "[+] alive\n") }

// readyz answers whether this node is ready for requests.
func readyz(c *call) {
	if c.closing() {
		notReady(c, "this node is stopping")
	} else if err := c.s.cfg.Cluster.Ready(); err != nil {
		notReady(c, err.Error())
	} else {
		c.text(http.StatusOK, "[+] alive\n[+] ready\n")
	}
}

func notReady(c *call, why string) {
	c.Header()["Retry-After"] = []string{problems.RetryAfter}
	c.text(http.StatusServiceUnavailable, "[+] alive\n[-] ready: "+why+"\n")
}

// getMetrics passes the request to the configured metrics handler.
func getMetrics(c *call) {
	if c.s.cfg.Metrics == nil {
		c.fail(problems.NotFound)
		return
	}
	c.s.cfg.Metrics.ServeHTTP(c, c.r)
}
