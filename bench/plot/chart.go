package main

import (
	_ "embed"
	"fmt"
	"math"
	"strconv"
	"strings"
	"text/template"
)

// A chart has two logarithmic axes and some lines.
type chart struct {
	Title, X, Y string
	Lines       []line
}

type line struct {
	Name, Colour string
	Dashed       bool
	Points       []point
}

type point struct{ X, Y float64 }

//go:embed chart.svg.tmpl
var picture string

var svg = template.Must(template.New("chart").Parse(picture))

// Where the template has its axes.
const (
	left, right = 60, 540
	top, bottom = 40, 360
)

func (c chart) svg() (string, error) {
	x := newAxis(left, right, c.values(func(p point) float64 { return p.X }))
	y := newAxis(bottom, top, c.values(func(p point) float64 { return p.Y }))
	data := struct {
		chart
		XTicks, YTicks []tick
		Drawn          []drawn
	}{chart: c, XTicks: x.ticks(), YTicks: y.ticks()}
	for i, l := range c.Lines {
		data.Drawn = append(data.Drawn, l.draw(x, y, i))
	}
	var b strings.Builder
	err := svg.Execute(&b, data)
	return b.String(), err
}

func (c chart) values(of func(point) float64) (all []float64) {
	for _, l := range c.Lines {
		for _, p := range l.Points {
			all = append(all, of(p))
		}
	}
	return all
}

// drawn is a line in the coordinates of the picture.
type drawn struct {
	line
	Points string
	Dots   []struct{ X, Y string }
	Legend int
}

func (l line) draw(x, y axis, place int) drawn {
	const between = 20
	d := drawn{line: l, Legend: top + between*(place+1)}
	var points []string
	for _, p := range l.Points {
		dot := struct{ X, Y string }{coordinate(x.at(p.X)), coordinate(y.at(p.Y))}
		d.Dots = append(d.Dots, dot)
		points = append(points, dot.X+","+dot.Y)
	}
	d.Points = strings.Join(points, " ")
	return d
}

func coordinate(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

// An axis shows values from a mark to a mark on a logarithmic scale.
type axis struct {
	from, to  float64 // in the picture
	low, high float64 // what is shown
}

// marks are where a decade has its marks.
var marks = []float64{1, 2, 5}

func newAxis(from, to float64, values []float64) axis {
	a := axis{from: from, to: to, low: math.Inf(1), high: 0}
	for _, v := range values {
		a.low, a.high = min(a.low, v), max(a.high, v)
	}
	if a.high == 0 {
		a.low, a.high = 1, 1
	}
	a.low, a.high = markBelow(a.low), markAbove(a.high)
	return a
}

func (a axis) at(v float64) float64 {
	share := math.Log(v/a.low) / math.Log(a.high/a.low)
	return a.from + share*(a.to-a.from)
}

type tick struct{ At, Label string }

func (a axis) ticks() (all []tick) {
	const rounding = 1e-9
	for v := a.low; v <= a.high*(1+rounding); v = markAbove(v * (1 + rounding)) {
		all = append(all, tick{coordinate(a.at(v)), fmt.Sprint(float32(v))})
	}
	return all
}

// markAbove is the least mark above a value, and markBelow the greatest that is not above it.
func markAbove(v float64) float64 {
	decade := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range marks {
		if m*decade > v {
			return m * decade
		}
	}
	return 10 * decade
}

func markBelow(v float64) float64 {
	decade := math.Pow(10, math.Floor(math.Log10(v)))
	for i := len(marks) - 1; i >= 0; i-- {
		if marks[i]*decade <= v {
			return marks[i] * decade
		}
	}
	return decade
}
