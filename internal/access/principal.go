package access

import (
	"fmt"
	"regexp"
)

// MaxPrincipalBytes is how long the name of a principal may be.
const MaxPrincipalBytes = 64

var principalForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// CheckPrincipal returns an error for a name that no principal may have.
func CheckPrincipal(name string) error {
	if !principalForm.MatchString(name) {
		return fmt.Errorf("principal %q: use 1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit", name)
	}
	return nil
}
