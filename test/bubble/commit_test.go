package bubble

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// A follower hears of a commit long before Raft's next call to it, so that its
// watchers do, too.
func TestFollowersHearOfACommitSoon(t *testing.T) {
	log := logger(t)
	dir := scratch(t)
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(dir, 3, func() time.Duration { return 0 }, log)
		defer c.close()
		for _, m := range c.members {
			must(t, c.start(m))
		}
		must(t, within(30*time.Second, "the cluster serves", c.serves))
		for i := range 20 {
			time.Sleep(333 * time.Millisecond)
			c.acquire(t, fmt.Sprintf("job.%d", i))
			time.Sleep(10 * time.Millisecond)
			must(t, c.agree())
		}
	})
}
