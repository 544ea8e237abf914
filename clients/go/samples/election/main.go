// Election is one of several workers of which one leads. Start it in three terminals and end the
// leader with kill -9: another one takes over. Ctrl-C or SIGTERM makes the leader resign, and the
// next one leads at once. With METRICS_ADDR=127.0.0.1:9100 it serves the metrics of client-go.
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
	metrics := newLeaderMetrics()
	if address := os.Getenv("METRICS_ADDR"); address != "" {
		go metrics.serve(address)
	}
	client, err := lockd.New(lockd.Config{Addresses: addresses, LeaderMetrics: metrics})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log.Print(client.Holder(), " is a candidate")
	// If the leader dies, the next one leads after at most the TTL.
	err = client.Elect(ctx, "scheduler", lockd.AcquireOptions{TTL: 3 * time.Second}, lead)
	if ctx.Err() == nil {
		log.Fatal(err)
	}
}

// lead is the work of the leader. Its context ends when the lease is lost, and when it must resign.
// After a loss the worker is a candidate again.
func lead(ctx context.Context, lease *lockd.Lease) error {
	log.Print(lease.Holder, " leads with token ", lease.Token)
	<-ctx.Done()
	log.Print(lease.Holder, " leads no more")
	return nil
}
