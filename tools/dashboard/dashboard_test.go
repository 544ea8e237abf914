package main

import (
	"bytes"
	"os"
	"testing"
)

// TestCommittedDashboardIsGenerated compares the file with what the program makes.
func TestCommittedDashboardIsGenerated(t *testing.T) {
	made, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	committed, err := os.ReadFile("../../deploy/grafana/lockd.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made, committed) {
		t.Error("deploy/grafana/lockd.json is not what the program makes: run make dashboard")
	}
}

// TestEachPanelHelps checks that each panel has a unit and says what to do.
func TestEachPanelHelps(t *testing.T) {
	for _, r := range rows() {
		for _, p := range r.panels {
			if p.unit == "" || len(p.help) < 40 || len(p.queries) == 0 {
				t.Errorf("%s, %s: it needs a unit, a description of what to do and a query", r.title, p.title)
			}
		}
	}
}
