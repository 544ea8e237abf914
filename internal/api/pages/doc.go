// Package pages has the documents that a node serves and that do not change while it runs: texts in Markdown, as HTML
// for browsers, and the API reference.
package pages
