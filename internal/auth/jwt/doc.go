// Package jwt verifies JSON Web Tokens of one issuer, and maps their claims to principals. Kubernetes, GitHub Actions and
// Vault issue such tokens.
package jwt
