// Package lockd contains the contract of the HTTP interface and the licenses, which the binary embeds.
package lockd

import _ "embed"

// OpenAPI is openapi.yaml, as every node serves it.
//
//go:embed openapi.yaml
var OpenAPI string
