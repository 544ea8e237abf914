// Command bench compares lockd with other lock services, and with an older lockd, on this machine. It runs real
// processes on a real disk, with their default durability. Loads are bounded and stop by themselves.
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

	"github.com/lockd/lockd/bench/report"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run does one comparison and writes its table to out. After an error it still writes the values measured until then.
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

// save writes the report to its file. With -keep, rows of works that were not measured now stay in the file.
func (o *options) save(r *report.Report) error {
	if !o.keep {
		return r.Save(o.json)
	}
	all, err := report.Load(o.json)
	if err != nil {
		return err
	}
	if !all.Merge(r) {
		return fmt.Errorf("%s has figures of another machine, -runs, -duration or -quiet and was not changed; give another -json, or omit -keep", o.json)
	}
	return all.Save(o.json)
}
