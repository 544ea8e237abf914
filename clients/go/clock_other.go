//go:build !linux

package lockd

import "time"

// sinceBoot returns 0: on this system only the wall clock includes suspensions.
func sinceBoot() time.Duration { return 0 }
