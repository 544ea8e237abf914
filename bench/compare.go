package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lockd/lockd/bench/report"
	"github.com/lockd/lockd/bench/system"
	"github.com/lockd/lockd/bench/work"
)

// compare measures every selected work with every selected system, one system at a time. Within each run it measures a
// work with all systems one after the other, so that other load on the machine affects all of them. It notes a failure
// in the report and measures the rest. The error joins all failures.
func (o *options) compare(ctx context.Context, progress io.Writer) (*report.Report, error) {
	systems, absent := o.programs.systems(o.systems)
	r := &report.Report{
		Machine: report.ThisMachine(o.date), Runs: o.runs, Duration: o.Duration.String(), Quiet: o.Quiet, Systems: absent,
	}
	var failed []error
	for run := range o.runs {
		for _, w := range o.works() {
			for _, s := range systems {
				name := s.Info().Name
				if !w.With(s.Info()) {
					continue
				}
				fmt.Fprintf(progress, "%s run %d of %d: %s, %s\n", time.Now().Format(time.TimeOnly), run+1, o.runs, w.Name, name)
				if err := o.one(ctx, w, s, r, run); ctx.Err() != nil {
					return r, ctx.Err()
				} else if err != nil {
					r.Row(report.Key{Work: w.Name, System: name}).Cell(run).Fail(err)
					failed = append(failed, fmt.Errorf("%s, %s: %w", w.Name, name, err))
				}
			}
		}
	}
	return r, errors.Join(failed...)
}

// works returns the works that -only selects.
func (o *options) works() (all []work.Work) {
	for _, w := range work.All() {
		if wanted(w.Name, o.only) {
			all = append(all, w)
		}
	}
	return all
}

// one starts a system, measures one work with it, and stops it.
func (o *options) one(ctx context.Context, w work.Work, s system.System, r *report.Report, run int) error {
	if sized, ok := s.(interface{ Of(nodes int) system.System }); ok && w.Size > 0 {
		s = sized.Of(w.Size)
	}
	c, err := system.Start(ctx, s, o.dir)
	if err != nil {
		return err
	}
	version, err := s.Version(ctx)
	if err != nil {
		return firstOf(err, c.Stop())
	}
	r.Add(report.System{Info: s.Info(), Version: version})
	return firstOf(w.Measure(ctx, c, o.Settings, r, run), c.Stop())
}

// firstOf returns the first error that is not nil.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
