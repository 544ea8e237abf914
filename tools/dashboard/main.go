// Command dashboard prints the Grafana dashboard of lockd, deploy/grafana/lockd.json.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

const operations = "https://github.com/lockd/lockd/blob/main/docs/operations.md"

func main() {
	raw, err := generate()
	if err == nil {
		_, err = os.Stdout.Write(raw)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}

// generate returns the dashboard as JSON.
func generate() ([]byte, error) {
	b := dashboard.NewDashboardBuilder("lockd"). //nolint:staticcheck // Grafana before 12 cannot import the newer schema
							Uid("lockd").
							Description("Leases, safety, API, Raft and disk of a lockd cluster. Each panel says what to do.").
							Tags([]string{"lockd"}).
							Timezone(common.TimeZoneBrowser).
							Tooltip(dashboard.DashboardCursorSyncCrosshair).
							Refresh("30s").
							Time("now-1h", "now").
							Link(dashboard.NewDashboardLinkBuilder("Runbooks").Type(dashboard.DashboardLinkTypeLink).
								Url(operations + "#metrics-and-alerts").TargetBlank(true))
	for _, v := range variables() {
		b.WithVariable(v)
	}
	for _, r := range rows() {
		b.WithRow(dashboard.NewRowBuilder(r.title))
		for _, p := range r.panels {
			b.WithPanel(p.build())
		}
	}
	d, err := b.Build()
	if err != nil {
		return nil, err
	}
	for i := range d.Panels { // Grafana would assign ids when it loads the file, and links to panels need stable ones
		id := uint32(i + 1)
		if p := d.Panels[i].Panel; p != nil {
			p.Id = &id
		} else {
			d.Panels[i].RowPanel.Id = id
		}
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err = e.Encode(d)
	return out.Bytes(), err
}

// variables returns the selectors above the panels. Each cluster is a job of its own.
func variables() []cog.Builder[dashboard.VariableModel] {
	query := func(name, label, query string) *dashboard.QueryVariableBuilder {
		return dashboard.NewQueryVariableBuilder(name).Label(label).Datasource(source()).
			Query(dashboard.StringOrMap{String: &query}).
			Refresh(dashboard.VariableRefreshOnTimeRangeChanged).Sort(dashboard.VariableSortAlphabeticalAsc)
	}
	return []cog.Builder[dashboard.VariableModel]{
		dashboard.NewDatasourceVariableBuilder("datasource").Label("Data source").Type("prometheus"),
		query("job", "Cluster (job)", "label_values(lockd_build_info, job)"),
		query("instance", "Node", `label_values(lockd_build_info{job="$job"}, instance)`).Multi(true).IncludeAll(true).AllValue(".*"),
	}
}

// source returns the data source that the user chose.
func source() common.DataSourceRef {
	return common.DataSourceRef{Type: cog.ToPtr("prometheus"), Uid: cog.ToPtr("${datasource}")}
}
