// Package requestid makes the ids of requests, and decides which ids of clients are kept.
package requestid

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/lockd/lockd/internal/access"
)

// A Source makes ids: a random prefix of the process and a number. It is safe for concurrent use.
type Source struct {
	prefix string
	next   atomic.Uint64
}

// NewSource returns a source with a new prefix.
func NewSource() *Source {
	var b [4]byte
	rand.Read(b[:]) // never fails
	return &Source{prefix: hex.EncodeToString(b[:]) + "-"}
}

// Of returns the request's own id if it is valid, or a new one.
func (s *Source) Of(r *http.Request) string {
	if v := r.Header["X-Request-Id"]; len(v) == 1 && isValid(v[0]) {
		return v[0]
	}
	b := make([]byte, 0, 24)
	b = append(b, s.prefix...)
	return string(strconv.AppendUint(b, s.next.Add(1), 10))
}

// maxLength bounds the request id of a client. A token of lockd is longer, and so is a JSON Web Token.
const maxLength = 64

// isValid reports whether a client's request id may be logged. One that begins like a token is replaced, whatever its
// length is: it may be a part of one.
func isValid(s string) bool {
	ok := len(s) > 0 && len(s) <= maxLength && !access.LooksLikeToken(s) && !strings.HasPrefix(s, "eyJ")
	for i := 0; ok && i < len(s); i++ {
		ok = isIDByte(s[i])
	}
	return ok
}

// isIDByte reports whether a byte may be in a request id.
func isIDByte(b byte) bool {
	switch {
	case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9', b == '.', b == '_', b == ':', b == '-':
		return true
	}
	return false
}
