package api

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/lockd/lockd"
)

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

// document is the contract as it is served.
type document struct{ text, etag string }

func newDocument() document {
	sum := sha256.Sum256([]byte(lockd.OpenAPI))
	return document{text: lockd.OpenAPI, etag: `"` + hex.EncodeToString(sum[:8]) + `"`}
}

func openAPI(c *call) {
	doc := c.s.spec
	h := c.Header()
	h.Set("ETag", doc.etag)
	h.Set("Cache-Control", "no-cache")
	if match := c.r.Header.Get("If-None-Match"); match == "*" || strings.Contains(match, doc.etag) {
		c.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", "application/yaml")
	_, _ = c.Write([]byte(doc.text))
}
