package main

import (
	"fmt"

	"github.com/lockd/lockd/internal/console"
)

type table = console.Table

// print prints a response of the cluster, as JSON or as tables.
func (c *cli) print(answer any, tables ...*table) error {
	c.printed = true
	if c.output == console.FormatJSON {
		return console.PrintJSON(c.out, answer, "  ")
	}
	for i, t := range tables {
		if i > 0 {
			fmt.Fprintln(c.out)
		}
		if err := t.Print(c.out, c.screen); err != nil {
			return err
		}
	}
	return nil
}

// wide reports whether a table has all columns.
func (c *cli) wide() bool { return c.output == console.FormatWide }
