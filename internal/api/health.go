package api

import "net/http"

// healthz says that the process lives.
func healthz(c *call) { c.text(http.StatusOK, "[+] alive\n") }

// readyz says whether this node serves: whether to send it requests.
func readyz(c *call) {
	if c.closing() {
		c.notReady("this node is stopping")
	} else if err := c.s.cfg.Cluster.Ready(); err != nil {
		c.notReady(err.Error())
	} else {
		c.text(http.StatusOK, "[+] alive\n[+] ready\n")
	}
}

func (c *call) notReady(why string) {
	c.Header()["Retry-After"] = []string{retryAfter}
	c.text(http.StatusServiceUnavailable, "[+] alive\n[-] ready: "+why+"\n")
}

// getMetrics hands over to whoever has the process's metrics.
func getMetrics(c *call) {
	if c.s.cfg.Metrics == nil {
		c.fail(kindNotFound)
		return
	}
	c.s.cfg.Metrics.ServeHTTP(c, c.r)
}

func openAPI(c *call) { c.show(c.s.spec, "") }
