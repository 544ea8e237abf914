package pages

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
)

// Document is an answer that does not change while the node runs.
type Document struct {
	body        []byte
	contentType string
	etag        string
	encoding    string // Content-Encoding, or ""
	policy      string // Content-Security-Policy of a page for browsers, or ""
}

// NewDocument returns a document.
func NewDocument(contentType string, body []byte) *Document {
	sum := sha256.Sum256(body)
	return &Document{body: body, contentType: contentType, etag: `"` + hex.EncodeToString(sum[:8]) + `"`}
}

// Serve answers with the document. vary is the request header that selected the document, or "". Clients may cache the
// document and must revalidate it each time, because another version of lockd has another document.
func (d *Document) Serve(w http.ResponseWriter, r *http.Request, vary string) {
	h := w.Header()
	h.Set("ETag", d.etag)
	h.Set("Cache-Control", "no-cache")
	if vary != "" {
		h.Set("Vary", vary)
	}
	if match := r.Header.Get("If-None-Match"); match == "*" || strings.Contains(match, d.etag) {
		w.WriteHeader(http.StatusNotModified)
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
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(d.body)
}

// wants returns the quality that a header such as Accept gives to a value, from 0 (not accepted) to 1. Wildcards do not
// count.
func wants(r *http.Request, header, value string) float64 {
	for item := range strings.SplitSeq(strings.Join(r.Header.Values(header), ","), ",") {
		name, params, _ := strings.Cut(item, ";")
		if !strings.EqualFold(strings.TrimSpace(name), value) {
			continue
		}
		for param := range strings.SplitSeq(params, ";") {
			if k, v, _ := strings.Cut(param, "="); strings.EqualFold(strings.TrimSpace(k), "q") {
				q, _ := strconv.ParseFloat(strings.TrimSpace(v), 64) // an invalid number counts as 0
				return q
			}
		}
		return 1
	}
	return 0
}
