package access

import "slices"

// MaxDenied is how many certificates are denied at most; the oldest ones are forgotten.
const MaxDenied = 1_000

// MaxSerialBytes is the length of a serial number in hexadecimal digits: at most 20 bytes (RFC 5280, 4.1.2.2).
const MaxSerialBytes = 40

// Denied reports whether the certificate of a node with this serial number is denied: the node was removed.
func (t *Table) Denied(serial string) bool { return slices.Contains(t.denied, serial) }

// Serials returns the serial numbers of all denied certificates, the oldest first. The list is immutable.
func (t *Table) Serials() []string { return t.denied }

func (t *Table) deny(serial string) (Outcome, bool) {
	if t.Denied(serial) {
		return Done, false
	}
	denied := append(slices.Clone(t.denied), serial)
	t.denied = denied[max(0, len(denied)-MaxDenied):]
	return Done, true
}
