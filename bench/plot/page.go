package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/lockd/lockd/bench/report"
	"github.com/lockd/lockd/bench/target"
)

// marked is a part of the page that is made, with the name of what it shows.
var marked = regexp.MustCompile(`(?s)(<!-- bench:begin ([^>]*) -->\n).*?(<!-- bench:end -->)`)

// fill puts parts between their markers. A part that the page does not show, or
// one that there is not, is an error: nothing that was measured is left out.
func fill(page string, parts map[string]string) (string, error) {
	var unknown []string
	shown := make(map[string]bool)
	page = marked.ReplaceAllStringFunc(page, func(old string) string {
		m := marked.FindStringSubmatch(old)
		part, ok := parts[m[2]]
		if !ok {
			unknown = append(unknown, m[2])
			return old
		}
		shown[m[2]] = true
		return m[1] + part + m[3]
	})
	if len(unknown) > 0 {
		return "", fmt.Errorf("the figures have no %s", strings.Join(unknown, ", no "))
	}
	for name := range parts {
		if !shown[name] {
			return "", fmt.Errorf("the page does not show %q", name)
		}
	}
	return page, nil
}

// tables are the parts of the page, by name.
func tables(r *report.Report) map[string]string {
	parts := map[string]string{"machine": machine(r), "targets": targets(r)}
	for _, t := range r.Tables() {
		parts[t.Title] = markdown(t.Head, t.Rows)
	}
	return parts
}

func machine(r *report.Report) string {
	m := r.Machine
	rows := [][]string{
		{"date", m.Date}, {"processor", fmt.Sprintf("%d cores, %s", m.Cores, m.CPU)}, {"Linux", m.Kernel}, {"Go", m.Go},
		{"runs", fmt.Sprintf("%d, loads of %s each", r.Runs, r.Duration)},
	}
	for _, s := range r.Systems {
		rows = append(rows, []string{s.Name, s.Version + s.Missing})
	}
	return markdown([]string{"", ""}, rows)
}

func targets(r *report.Report) string {
	var rows [][]string
	for _, v := range target.Judge(r) {
		rows = append(rows, []string{v.What, v.Bound(), v.Figure(), v.Result()})
	}
	return markdown([]string{"figure", "target", "measured", ""}, rows)
}

func markdown(head []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) {
		for _, cell := range cells {
			b.WriteString("| " + strings.ReplaceAll(cell, "|", `\|`) + " ")
		}
		b.WriteString("|\n")
	}
	line(head)
	b.WriteString("|" + strings.Repeat("---|", len(head)) + "\n")
	for _, cells := range rows {
		line(cells)
	}
	return b.String()
}
