package report

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/distill/study"
	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/train/data"
)

func TestLabelsNeverCoverAnything(t *testing.T) {
	area := box{0, 0, 280, 220}
	rng := data.Stream(1, "labels")
	for range 50 {
		var labels []label
		var points []box
		for i := range 1 + rng.IntN(14) {
			x, y := 20+20*rng.Float64(), 20+180*rng.Float64()
			points = append(points, box{x, y, x, y}.grow(glyphRadius))
			text := strings.Repeat("m", 3+i)
			labels = append(labels, label{x: x, y: y, text: text, w: width(text, small), h: 10})
		}
		place(labels, points, area)
		var boxes []box
		for _, l := range labels {
			if !l.placed {
				continue
			}
			if !l.box.inside(area) || !l.box.free(append(boxes, points...)) || !l.clear(l.box, append(boxes, points...)) {
				t.Fatalf("%+v covers something", l)
			}
			boxes = append(boxes, l.box)
		}
		if len(boxes) == 0 {
			t.Errorf("none of %d labels has a place", len(labels))
		}
	}
}

func TestTicksAreRound(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   string
	}{
		{[]float64{50_000, 50_000}, "20 kB 50 kB 100 kB"},
		{[]float64{50_000, 2_500_000}, "100 kB 300 kB 1 MB 3 MB"},
		{[]float64{900, 40e9}, "10 kB 1 MB 100 MB 10 GB"},
		{[]float64{0}, "1 B 2 B"},
	} {
		var got []string
		for _, k := range logTicks(logScale(c.values), 5, sizeTick) {
			got = append(got, k.label)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%v: %s, want %s", c.values, s, c.want)
		}
	}
	for _, c := range []struct {
		lo, hi float64
		want   string
	}{{0.1, 0.98, "0 20 40 60 80 100"}, {0.86, 0.93, "84 86 88 90 92 94"}, {1, 1, "90 92 94 96 98 100"}, {0, 0, "0 2 4 6 8 10"}} {
		got := ""
		for _, k := range shareTicks(shareScale([]float64{c.lo, c.hi})) {
			got += " " + k.label
		}
		if got != " "+c.want {
			t.Errorf("%v to %v:%s, want %s", c.lo, c.hi, got, c.want)
		}
	}
}

func TestEveryMethodLooksDifferent(t *testing.T) {
	f := usual()
	f.methods = []string{"random", "gmm", "dm", "random:as=dm", "kip", "random:as=kip", "fedavg", "fedprox", "fednova", "scaffold", "dm:lr=1", "dm:lr=2", "dm:lr=3", "all"}
	looks := looksOf(f.document())
	seen := map[string]string{}
	for m, l := range looks {
		if kindOf(m) == bound {
			continue
		}
		// Without colour too: shape and filling.
		key := fmt.Sprint(l.shape, l.hollow)
		if len(looks) <= len(shapes) && seen[key] != "" {
			t.Errorf("%s looks like %s", m, seen[key])
		}
		key += l.ink.name
		if seen[key] != "" {
			t.Errorf("%s looks like %s", m, seen[key])
		}
		seen[key] = m
	}
	if dm, control := looks["dm"], looks["random:as=dm"]; dm.shape != control.shape || dm.hollow || !control.hollow {
		t.Errorf("dm %+v, its control %+v", dm, control)
	}
}

func TestInksAreReadable(t *testing.T) {
	for _, i := range append([]ink{black, grey}, series...) {
		for _, c := range []struct{ ink, paper string }{{i.light, paper.light}, {i.dark, paper.dark}} {
			if ratio := contrast(c.ink, c.paper); ratio < 4.5 {
				t.Errorf("%s: %s on %s has a contrast of %.1f", i.name, c.ink, c.paper, ratio)
			}
		}
	}
}

// contrast is WCAG's ratio of luminances.
func contrast(a, b string) float64 {
	luminance := func(hex string) (sum float64) {
		c := ink{light: hex}.color()
		for i, v := range []uint8{c.R, c.G, c.B} {
			f := float64(v) / 255
			if f <= 0.04045 {
				f /= 12.92
			} else {
				f = math.Pow((f+0.055)/1.055, 2.4)
			}
			sum += f * []float64{0.2126, 0.7152, 0.0722}[i]
		}
		return sum
	}
	x, y := luminance(a)+0.05, luminance(b)+0.05
	return max(x, y) / min(x, y)
}

func TestCurvesOfSeedsAreJoinedAtTheShortest(t *testing.T) {
	row := func(points ...trial.Point) study.Row { return study.Row{Result: trial.Result{Curve: points}} }
	c := curveOf([]study.Row{row(trial.Point{Step: 10, Accuracy: 0.2}, trial.Point{Step: 20, Accuracy: 0.4}), row(trial.Point{Step: 15, Accuracy: 0.5}, trial.Point{Step: 25, Accuracy: 0.7}), row()})
	if want := "{ [10 20] [0.35 0.5] [0.2 0.4] [0.5 0.6]}"; fmt.Sprintf("%.4v", c) != want {
		t.Errorf("%.4v, want %s", c, want)
	}
}
