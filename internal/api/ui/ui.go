// Package ui has the console: the files of a web page that shows a cluster in a browser. The page needs no build step and
// loads nothing from other hosts. Its style is also that of the API reference and of the pages of problems.
package ui

import (
	"embed"
	"io/fs"
	"mime"
	"path"

	"github.com/lockd/lockd/internal/api/pages"
)

// files are the page and what it loads. preact.js is htm/preact, from the package htm: see fetch.sh.
//
//go:embed assets
var files embed.FS

// policy is the Content-Security-Policy of the page: it loads resources only from this node, and no text becomes HTML or
// a script.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// Console is the page and its files.
type Console struct {
	page   *pages.Asset
	assets map[string]*pages.Asset
}

// New returns the console.
func New() *Console {
	c := &Console{assets: make(map[string]*pages.Asset)}
	entries, err := fs.ReadDir(files, "assets")
	if err != nil {
		panic("ui: " + err.Error())
	}
	for _, e := range entries {
		body, err := files.ReadFile("assets/" + e.Name())
		if err != nil {
			panic("ui: " + err.Error())
		}
		if e.Name() == "index.html" {
			c.page = pages.NewAsset("text/html; charset=utf-8", body).WithPolicy(policy)
			continue
		}
		c.assets[e.Name()] = pages.NewAsset(typeOf(e.Name()), body)
	}
	return c
}

func typeOf(name string) string {
	if path.Ext(name) == ".js" {
		return "text/javascript; charset=utf-8" // the host's table of types may differ
	}
	return mime.TypeByExtension(path.Ext(name))
}

// Page returns the page.
func (c *Console) Page() *pages.Asset { return c.page }

// File returns a file of the page by its name, or nil.
func (c *Console) File(name string) *pages.Asset { return c.assets[name] }
