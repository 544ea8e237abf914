package lockd

import (
	"fmt"
	"net/http"
	"strings"
)

// ownHeaders are set by the client or belong to one connection.
var ownHeaders = map[string]bool{
	"Accept": true, "Accept-Encoding": true, "Connection": true, "Content-Encoding": true, "Content-Length": true,
	"Content-Type": true, "Expect": true, "Host": true, "Keep-Alive": true, "Te": true, "Trailer": true,
	"Transfer-Encoding": true, "Upgrade": true,
}

// checkHeaders returns a copy of headers that can be sent with each request. Errors never contain a
// value.
func checkHeaders(given http.Header, hasToken bool) (http.Header, error) {
	checked := make(http.Header)
	for name, values := range given {
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case name == "" || strings.ContainsFunc(name, notInToken):
			return nil, fmt.Errorf("lockd: header %q: the name must be an HTTP token", name)
		case ownHeaders[canonical]:
			return nil, fmt.Errorf("lockd: header %q: the client sets it itself", name)
		case checked[canonical] != nil:
			return nil, fmt.Errorf("lockd: header %q: it is given twice", name)
		}
		for _, v := range values {
			if strings.ContainsFunc(v, func(r rune) bool { return r != '\t' && (r < ' ' || r > '~') }) {
				return nil, fmt.Errorf("lockd: header %q: the value must be printable ASCII, without line breaks", name)
			}
			checked.Add(canonical, v)
		}
	}
	if hasToken && checked["Authorization"] != nil {
		return nil, fmt.Errorf("lockd: header %q: the client has a token too; give only one of them", "Authorization")
	}
	return checked, nil
}

func notInToken(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	return !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}
