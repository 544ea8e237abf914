package pages

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"io"
	"net/http"
)

// Asset is a file of a page. Only the compressed file is in memory. It is decompressed for the few clients that do not
// accept gzip.
type Asset struct{ zipped *Document }

// NewAsset returns a file.
func NewAsset(contentType string, body []byte) *Asset {
	var zipped bytes.Buffer
	w, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression) // the level is valid
	_, _ = w.Write(body)                                       // a Buffer returns no error
	_ = w.Close()
	d := NewDocument(contentType, zipped.Bytes())
	d.encoding = "gzip"
	return &Asset{d}
}

// WithPolicy sets the Content-Security-Policy of a page for browsers.
func (a *Asset) WithPolicy(policy string) *Asset {
	a.zipped.policy = policy
	return a
}

// Size returns the size of the compressed file in bytes.
func (a *Asset) Size() int { return len(a.zipped.body) }

// Serve answers with the file.
func (a *Asset) Serve(w http.ResponseWriter, r *http.Request) {
	d := a.zipped
	if wants(r, "Accept-Encoding", d.encoding) == 0 {
		plain := NewDocument(d.contentType, unzipped(d.body))
		plain.policy = d.policy
		d = plain
	}
	d.Serve(w, r, cmp.Or(w.Header().Get("Vary"), "Accept-Encoding"))
}

func unzipped(b []byte) []byte {
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err == nil {
		b, err = io.ReadAll(r)
	}
	if err != nil {
		panic("pages: decompress file: " + err.Error())
	}
	return b
}
