// Command plot makes the page of figures and its pictures from what a comparison
// has saved, and keeps those figures beside them.
//
//	cd bench && go run ./plot -figures figures.json
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lockd/lockd/bench/report"
)

// What there is in the directory of documents.
const (
	pageFile    = "performance.md"
	figuresFile = "performance.json"
	pictures    = "img"
)

func main() {
	docs := flag.String("docs", "../docs", "the directory of documents")
	figures := flag.String("figures", "", "a comparison's JSON (default that which the page is made of)")
	flag.Parse()
	if *figures == "" {
		*figures = filepath.Join(*docs, figuresFile)
	}
	if err := run(*figures, *docs); err != nil {
		fmt.Fprintln(os.Stderr, "plot:", err)
		os.Exit(1)
	}
}

func run(figures, docs string) error {
	r, err := report.Load(figures)
	if err != nil {
		return err
	}
	page, err := os.ReadFile(filepath.Join(docs, pageFile))
	if err != nil {
		return err
	}
	made, err := render(string(page), r)
	if err != nil {
		return err
	}
	if err := r.Save(filepath.Join(docs, figuresFile)); err != nil {
		return err
	}
	for name, text := range made {
		if err := os.WriteFile(filepath.Join(docs, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// render returns every file that is made of a report, by its path below the
// documents: the page with new tables, and the pictures.
func render(page string, r *report.Report) (map[string]string, error) {
	page, err := fill(page, tables(r))
	if err != nil {
		return nil, err
	}
	made := map[string]string{pageFile: page}
	for name, c := range charts(r) {
		if made[filepath.Join(pictures, name)], err = c.svg(); err != nil {
			return nil, err
		}
	}
	return made, nil
}
