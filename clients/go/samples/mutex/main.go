// Mutex runs a job that must not run twice at the same time. Start it in two terminals: the second
// one waits until the first one has finished.
package main

import (
	"cmp"
	"context"
	"log"
	"os"
	"strings"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
)

func main() {
	log.SetFlags(0)
	addresses := strings.Split(cmp.Or(os.Getenv("LOCKD_ADDR"), lockd.DefaultAddress), ",")
	client, err := lockd.New(lockd.Config{Addresses: addresses})
	if err != nil {
		log.Fatal(err)
	}
	log.Print(client.Holder(), " waits for its turn")
	opts := lockd.AcquireOptions{TTL: 10 * time.Second, Wait: time.Minute}
	if err := client.Do(context.Background(), "nightly-report", opts, report); err != nil {
		log.Fatal(err)
	}
}

// report is the job. Its context ends when the lease is lost. It must stop then, because another
// one may have started.
func report(ctx context.Context, lease *lockd.Lease) error {
	log.Print(lease.Holder, " runs with token ", lease.Token)
	for range 4 {
		select {
		case <-time.After(500 * time.Millisecond): // one part of the work
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	log.Print(lease.Holder, " is done")
	return nil
}
