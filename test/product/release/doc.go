// Package release checks what a release consists of: the licenses of the software in the binary, the SBOM, and a binary
// that needs no file of the system.
package release
