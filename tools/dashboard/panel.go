package main

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// row is a group of panels.
type row struct {
	title  string
	panels []panel
}

// panel is one diagram or one number.
type panel struct {
	title   string
	help    string // what it shows, and what to do
	unit    string // as Grafana names it
	queries []query
	number  bool    // a number, not a diagram
	warn    float64 // a number is orange from here; 0: never
	good    float64 // a number is orange below it; 0: never
	signed  bool    // a diagram may have values below 0
	most    float64 // the end of the axis; 0: by the values
}

// query is a query of Prometheus. In expr, $sel is the selector of the chosen job and nodes.
type query struct{ expr, legend string }

// selector selects the series of the chosen nodes.
const selector = `job="$job", instance=~"$instance"`

const (
	width, height             = 8, 8 // three diagrams side by side
	numberWidth, numberHeight = 4, 4 // six numbers
)

func (p panel) build() cog.Builder[dashboard.Panel] {
	if p.number {
		return p.stat()
	}
	b := timeseries.NewPanelBuilder().Title(p.title).Description(p.help).Unit(p.unit).
		Datasource(source()).Span(width).Height(height).
		LineWidth(1).FillOpacity(8).ShowPoints(common.VisibilityModeNever).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending)).
		Legend(common.NewVizLegendOptionsBuilder().ShowLegend(true).
			DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom))
	if !p.signed {
		b.Min(0)
	}
	if p.most != 0 {
		b.Max(p.most)
	}
	for i, q := range p.queries {
		b.WithTarget(q.build(i))
	}
	return b
}

func (p panel) stat() cog.Builder[dashboard.Panel] {
	steps := []dashboard.Threshold{{Color: "green"}}
	if p.warn != 0 {
		steps = append(steps, dashboard.Threshold{Value: &p.warn, Color: "orange"})
	}
	if p.good != 0 {
		steps = []dashboard.Threshold{{Color: "orange"}, {Value: &p.good, Color: "green"}}
	}
	b := stat.NewPanelBuilder().Title(p.title).Description(p.help).Unit(p.unit).
		Datasource(source()).Span(numberWidth).Height(numberHeight).
		ColorMode(common.BigValueColorModeValue).GraphMode(common.BigValueGraphModeArea).
		Thresholds(dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps(steps)).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"}))
	for i, q := range p.queries {
		b.WithTarget(q.build(i))
	}
	return b
}

func (q query) build(i int) *prometheus.DataqueryBuilder {
	return prometheus.NewDataqueryBuilder().RefId(string(rune('A' + i))).Datasource(source()).
		Expr(strings.ReplaceAll(q.expr, "$sel", selector)).LegendFormat(q.legend).Range()
}

// percentile returns a query of a percentile of a histogram.
func percentile(p, histogram, by, legend string) query {
	if by != "" {
		by = ", " + by
	}
	return query{"histogram_quantile(" + p + ", sum by (le" + by + ") (rate(" + histogram + "_bucket{$sel}[$__rate_interval])))", legend}
}
