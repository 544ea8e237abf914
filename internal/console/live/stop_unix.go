//go:build unix

package live

import (
	"os"
	"os/signal"
	"syscall"
)

// stop stops the processes of this job, and returns when they continue. The stop itself can be later than the return of
// Kill.
func stop() {
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, syscall.SIGCONT)
	defer signal.Stop(continued)
	if syscall.Kill(0, syscall.SIGTSTP) == nil {
		<-continued
	}
}
