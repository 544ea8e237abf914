package fsm

import (
	"strings"

	"github.com/lockd/lockd/internal/fsm/document"
)

// MaxObjectNameBytes limits the name of the lease of a Kubernetes Lease.
const MaxObjectNameBytes = len(document.Prefix) + document.MaxNamespaceBytes + 1 + document.MaxNameBytes

// NameRule describes the name of a lease.
const NameRule = "1 to 200 of A-Z a-z 0-9 . _ : - /, and begin with a letter or a digit, also after each /"

// ValidName reports whether a lease may have this name.
func ValidName(s string) bool { return len(s) <= maxNameBytes(s) && isPath(s) }

// ValidNamePart reports whether s can be the prefix of the name of a lease. The empty string can.
func ValidNamePart(s string) bool {
	return s == "" || len(s) <= maxNameBytes(s) && isPath(s+"a")
}

// maxNameBytes limits the length of a name. The lease of a Kubernetes Lease can have a longer one.
func maxNameBytes(name string) int {
	if strings.HasPrefix(name, document.Prefix) {
		return MaxObjectNameBytes
	}
	return MaxNameBytes
}
