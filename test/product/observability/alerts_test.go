package observability

import (
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// rule is an alert in alerts.yaml.
type rule struct {
	Alert, Expr         string
	Labels, Annotations map[string]string
}

func rules(t *testing.T) (all []rule) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []rule } }
	if err := yaml.Unmarshal(read(t, alerts), &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		t.Fatal(alerts + " has no alert")
	}
	return all
}

var runbook = regexp.MustCompile(`(?m)^### (Lockd[A-Za-z]+)\n\n\*\*Look at\*\* (?:.+\n)+\n\*\*Do\*\* (?:.+\n)+$`)

// TestEachAlertHasARunbook compares the alerts with the runbooks of docs/operations.md, in both directions.
func TestEachAlertHasARunbook(t *testing.T) {
	known := make(map[string]bool)
	for _, m := range runbook.FindAllStringSubmatch(string(read(t, "docs/operations.md")), -1) {
		known[m[1]] = true
	}
	used := make(map[string]bool)
	for _, r := range rules(t) {
		used[r.Alert] = true
		if !known[r.Alert] {
			t.Errorf("docs/operations.md has no runbook for %s: a heading, and paragraphs **Look at** and **Do**", r.Alert)
		}
		want := "https://github.com/lockd/lockd/blob/main/docs/operations.md#" + strings.ToLower(r.Alert)
		if have := r.Annotations["runbook_url"]; have != want {
			t.Errorf("%s: runbook_url is %q; want %q", r.Alert, have, want)
		}
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s needs a summary and a description", r.Alert)
		}
		if s := r.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s: severity is %q; want critical or warning", r.Alert, s)
		}
	}
	for name := range known {
		if !used[name] {
			t.Errorf("docs/operations.md has a runbook for %s, which is no alert", name)
		}
	}
}

// TestEachAlertIsTestedBothWays checks that promtool evaluates each alert when it must fire and when it must not.
func TestEachAlertIsTestedBothWays(t *testing.T) {
	var file struct {
		Tests []struct {
			AlertRuleTest []struct {
				AlertName string     `yaml:"alertname"`
				Expected  []struct{} `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	if err := yaml.Unmarshal(read(t, tests), &file); err != nil {
		t.Fatal(err)
	}
	fires, silent := make(map[string]bool), make(map[string]bool)
	for _, test := range file.Tests {
		for _, e := range test.AlertRuleTest {
			if len(e.Expected) > 0 {
				fires[e.AlertName] = true
			} else {
				silent[e.AlertName] = true
			}
		}
	}
	for _, r := range rules(t) {
		if !fires[r.Alert] || !silent[r.Alert] {
			t.Errorf("%s: tested firing: %v, tested silent: %v", r.Alert, fires[r.Alert], silent[r.Alert])
		}
	}
}

func TestPromtoolAcceptsTheAlerts(t *testing.T) {
	for _, args := range [][]string{
		{"check", "rules", alerts}, {"test", "rules", tests}, {"check", "config", "deploy/prometheus/prometheus.yaml"},
	} {
		if out, err := promtool(t, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
