// Package lockd carries the contract of the HTTP interface.
package lockd

import _ "embed"

// OpenAPI is openapi.yaml, as every node serves it.
//
//go:embed openapi.yaml
var OpenAPI string
