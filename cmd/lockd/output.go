package main

import (
	"fmt"
	"strconv"
	"time"

	lockd "github.com/lockd/lockd/clients/go"
	"github.com/lockd/lockd/internal/console"
)

type table = console.Table

// print prints a response of the cluster, as JSON or as tables.
func (c *cli) print(answer any, tables ...*table) error {
	if c.output == console.FormatJSON {
		return console.PrintJSON(c.out, answer, "  ")
	}
	for i, t := range tables {
		if i > 0 {
			fmt.Fprintln(c.out)
		}
		if err := t.Print(c.out); err != nil {
			return err
		}
	}
	return nil
}

// Cells. A missing value is empty.

func number[N ~int | ~int64 | ~uint64](n N) string { return fmt.Sprint(n) }

func token(t uint64) string {
	if t == 0 {
		return ""
	}
	return strconv.FormatUint(t, 10)
}

// duration rounds down, so that the rest of a lease is never shown as more.
func duration(m lockd.Millis) string {
	d := m.Duration()
	if d >= time.Minute {
		return d.Truncate(time.Second).String()
	}
	return d.Truncate(100 * time.Millisecond).String()
}

// span formats how long something lasted, to the millisecond.
func span(m lockd.Millis) string { return m.Duration().String() }

func maybe(m *lockd.Millis, show func(lockd.Millis) string) string {
	if m == nil {
		return ""
	}
	return show(*m)
}
