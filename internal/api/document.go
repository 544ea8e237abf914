package api

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
)

// A document is an answer that stays the same for as long as the node runs.
type document struct {
	body        []byte
	contentType string
	etag        string
	encoding    string // Content-Encoding, where it has one
	policy      string // Content-Security-Policy, where it is a page for browsers
}

func newDocument(contentType string, body []byte) *document {
	sum := sha256.Sum256(body)
	return &document{body: body, contentType: contentType, etag: `"` + hex.EncodeToString(sum[:8]) + `"`}
}

// show answers with a document. Vary names the request's header, if any, that
// chose it among others. A copy may be kept, and is asked for again each time:
// another version of the node has another one.
func (c *call) show(d *document, vary string) {
	h := c.Header()
	h.Set("ETag", d.etag)
	h.Set("Cache-Control", "no-cache")
	if vary != "" {
		h.Set("Vary", vary)
	}
	if match := c.r.Header.Get("If-None-Match"); match == "*" || strings.Contains(match, d.etag) {
		c.WriteHeader(http.StatusNotModified)
		return
	}
	if d.encoding != "" {
		h.Set("Content-Encoding", d.encoding)
	}
	if d.policy != "" {
		h.Set("Content-Security-Policy", d.policy)
		h.Set("Referrer-Policy", "no-referrer")
	}
	h.Set("Content-Type", d.contentType)
	h.Set("Content-Length", strconv.Itoa(len(d.body)))
	c.WriteHeader(http.StatusOK)
	_, _ = c.Write(d.body)
}

// wants says how much a header such as Accept asks for one value by its name,
// from 0, not at all, to 1.
func (c *call) wants(header, value string) float64 {
	for item := range strings.SplitSeq(strings.Join(c.r.Header.Values(header), ","), ",") {
		name, params, _ := strings.Cut(item, ";")
		if !strings.EqualFold(strings.TrimSpace(name), value) {
			continue
		}
		for param := range strings.SplitSeq(params, ";") {
			if k, v, _ := strings.Cut(param, "="); strings.EqualFold(strings.TrimSpace(k), "q") {
				q, _ := strconv.ParseFloat(strings.TrimSpace(v), 64) // what is no number is no wish
				return q
			}
		}
		return 1
	}
	return 0
}
