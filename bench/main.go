// Command bench compares lockd with a bare HTTP server and with other lock
// services, on this machine: real processes, real disk, their default durability.
// Loads are bounded and stop by themselves.
//
//	cd bench && go run . -lockd ../bin/lockd
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/lockd/lockd/bench/echo"
)

func main() {
	if address, ok := echo.Asked(); ok {
		fmt.Fprintln(os.Stderr, "bench:", echo.Serve(address))
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is one comparison. What was measured until an error is told, too.
func run(ctx context.Context, args []string, out, progress io.Writer) error {
	o, err := parse(args, progress)
	if err != nil {
		return err
	}
	r, err := o.compare(ctx, progress)
	if r == nil {
		return err
	}
	if o.json != "" {
		if saved := r.Save(o.json); saved != nil {
			return saved
		}
	}
	if written := r.WriteTable(out); written != nil {
		return written
	}
	return err
}
