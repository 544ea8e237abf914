package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockd/lockd/bench/report"
)

const docs = "../../docs"

func TestThePageAndItsPicturesAreWhatTheFiguresMake(t *testing.T) {
	r, err := report.Load(filepath.Join(docs, figuresFile))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(docs, pageFile))
	if err != nil {
		t.Fatal(err)
	}
	made, err := render(string(page), r)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range made {
		if got, err := os.ReadFile(filepath.Join(docs, name)); err != nil || string(got) != want {
			t.Errorf("%s is not what the figures make (%v): make bench-page", name, err)
		}
		if filepath.Ext(name) == ".svg" && !strings.Contains(string(page), "("+name+")") {
			t.Errorf("the page does not show %s", name)
		}
	}
}

func TestAPageShowsNeitherLessNorMoreThanThereIs(t *testing.T) {
	const page = "a\n<!-- bench:begin one -->\nold\n<!-- bench:end -->\nb\n"
	got, err := fill(page, map[string]string{"one": "new\n"})
	if want := strings.Replace(page, "old", "new", 1); err != nil || got != want {
		t.Errorf("%q, %v", got, err)
	}
	if again, err := fill(got, map[string]string{"one": "new\n"}); err != nil || again != got {
		t.Errorf("filled again it is %q, %v", again, err)
	}
	for _, parts := range []map[string]string{{}, {"two": "x\n"}, {"one": "new\n", "two": "x\n"}} {
		if _, err := fill(page, parts); err == nil {
			t.Errorf("%v fit", parts)
		}
	}
}

func TestAnAxisHoldsAllValuesAndHasItsMarksInOrder(t *testing.T) {
	for _, values := range [][]float64{{1, 1}, {0.3, 4000}, {100, 1000}, {999, 1001}, nil} {
		a := newAxis(left, right, values)
		for _, v := range values {
			if at := a.at(v); at < left || at > right {
				t.Errorf("%v: %v is at %v", values, v, at)
			}
		}
		ticks := a.ticks()
		if len(ticks) < 2 || ticks[0].At != coordinate(left) || ticks[len(ticks)-1].At != coordinate(right) {
			t.Errorf("%v: marks %v", values, ticks)
		}
	}
}
