package fsm

// NameRule describes the name of a lease.
const NameRule = "1 to 200 of A-Z a-z 0-9 . _ : - /, and begin with a letter or a digit, also after each /"

// ValidName reports whether a lease may have this name.
func ValidName(s string) bool { return len(s) <= MaxNameBytes && isPath(s) }

// ValidNamePart reports whether s can be the prefix of the name of a lease. The empty string can.
func ValidNamePart(s string) bool {
	return s == "" || len(s) <= MaxNameBytes && isPath(s+"a")
}
