// Package docs looks at the pages of a node with a real browser, which may reach
// that node alone. Its tests have a build tag, since they need Chromium:
// `make docs-test` runs them.
package docs
