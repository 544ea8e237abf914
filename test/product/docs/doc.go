// Package docs opens the pages of a node in Chromium, which can reach only that node. Its tests have a build tag
// because they need Chromium. `make docs-test` runs them.
package docs
