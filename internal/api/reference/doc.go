// Package reference makes the page of the API reference from the contract: each route with a curl command, its
// parameters, its body and its answers. The page needs no script, so that it can be read, searched and printed anywhere.
package reference
