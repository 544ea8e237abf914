// Package auth resolves the credential of a request: a token, a JSON Web Token or a client's certificate. It decides who
// the caller is; package access decides what the caller may do.
package auth
