// Election is one of several workers of which one leads. Start it in three
// terminals and kill the one that leads, with kill -9: another takes over. Ctrl-C or
// SIGTERM resigns, and the next one leads at once.
package main

import (
	"cmp"
	"context"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log.Print(client.Holder(), " is a candidate")
	// A leader that dies is missed for no longer than the TTL.
	err = client.Elect(ctx, "scheduler", lockd.AcquireOptions{TTL: 3 * time.Second}, lead)
	if ctx.Err() == nil {
		log.Fatal(err)
	}
}

// lead is what the leader does. Its context ends when the lease is lost, and when
// it is to resign; after a loss the worker is a candidate again.
func lead(ctx context.Context, lease *lockd.Lease) error {
	log.Print(lease.Holder, " leads with token ", lease.Token)
	<-ctx.Done()
	log.Print(lease.Holder, " leads no more")
	return nil
}
