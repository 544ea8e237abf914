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
	"github.com/lockd/lockd/bench/report"
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
		if saved := o.save(r); saved != nil {
			return saved
		}
	}
	if written := r.WriteTable(out); written != nil {
		return written
	}
	return err
}

// save writes the report's file; what it had of other works stays where that is wanted.
func (o *options) save(r *report.Report) error {
	if !o.keep {
		return r.Save(o.json)
	}
	all, err := report.Load(o.json)
	if err != nil {
		return err
	}
	if !all.Renew(r) {
		return fmt.Errorf("%s is of another machine, or of other -runs or -duration: it was left as it is", o.json)
	}
	return all.Save(o.json)
}
