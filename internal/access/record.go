package access

// A Principal is what credentials lead to, with its rules.
type Principal struct {
	Name    string
	Rules   Rules
	Changed uint64 // the revision at which it was last set
}

// A Record is what is stored of a token: all but its secret.
type Record struct {
	ID        string
	Hash      [HashBytes]byte // of the secret
	Principal string
	Rules     Rules  // at most those of the principal; none: all of them
	Expires   int64  // wall time, in milliseconds since 1970; 0: never
	Created   int64  // wall time
	CreatedBy string // the principal that created it
}

// Expired reports whether the token is no longer valid at a wall time in milliseconds since 1970.
func (r *Record) Expired(wall int64) bool { return r.Expires != 0 && r.Expires <= wall }

// A Mode is whether requests need credentials.
type Mode uint8

// The modes. Snapshots contain them: add at the end, never reorder.
const (
	Off        Mode = iota // no request needs a credential
	Permissive             // requests that On would refuse are counted and served
	On
	modeEnd
)

func (m Mode) String() string { return [...]string{"off", "permissive", "on"}[m] }

// ParseMode reads the name of a mode.
func ParseMode(name string) (Mode, bool) {
	for m := range modeEnd {
		if m.String() == name {
			return m, true
		}
	}
	return Off, false
}

// A Caller is who sends a command or a query, as the node with the connection knows it. Its zero value is a caller
// without a credential.
type Caller struct {
	Principal string
	TokenID   string // empty: another credential than a token
	Local     bool   // at the admin socket of a node: it has every right
}
