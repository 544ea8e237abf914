package bubble

import (
	"fmt"
	"testing"
	"time"
)

// A follower receives a commit long before Raft's next message to it, so that its watchers receive the events at
// once.
func TestFollowersReceiveCommitsAtOnce(t *testing.T) {
	withThree(t, func(t *testing.T, c *cluster) {
		for i := range 20 {
			time.Sleep(333 * time.Millisecond)
			c.acquire(t, fmt.Sprintf("job.%d", i))
			time.Sleep(10 * time.Millisecond)
			must(t, c.agree())
		}
	})
}
