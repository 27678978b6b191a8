package report

import (
	"fmt"
	"testing"

	"github.com/distillmesh/distillmesh/distill/figure"
	"github.com/distillmesh/distillmesh/distill/study"
	"github.com/distillmesh/distillmesh/distill/trial"
)

func TestEveryMethodLooksDifferent(t *testing.T) {
	f := usual()
	f.methods = []string{"random", "gmm", "dm", "random:as=dm", "kip", "random:as=kip", "fedavg", "fedprox", "fednova",
		"scaffold", "dm:lr=1", "dm:lr=2", "dm:lr=3", "all"}
	markers := markersOf(f.document())
	seen := map[string]string{}
	for m, l := range markers {
		if kindOf(m) == bound {
			continue
		}
		// Without color too: shape and filling.
		key := fmt.Sprint(l.Shape, l.Outlined)
		if len(markers) <= figure.Shapes && seen[key] != "" {
			t.Errorf("%s markers like %s", m, seen[key])
		}
		key += l.Ink.Name
		if seen[key] != "" {
			t.Errorf("%s markers like %s", m, seen[key])
		}
		seen[key] = m
	}
	if dm, control := markers["dm"], markers["random:as=dm"]; dm.Shape != control.Shape || dm.Outlined ||
		!control.Outlined {
		t.Errorf("dm %+v, its control %+v", dm, control)
	}
}

func TestCurvesOfSeedsAreJoinedAtTheShortest(t *testing.T) {
	row := func(points ...trial.Point) study.Row { return study.Row{Result: trial.Result{Curve: points}} }
	c := curveOf([]study.Row{row(trial.Point{Step: 10, Accuracy: 0.2}, trial.Point{Step: 20, Accuracy: 0.4}),
		row(trial.Point{Step: 15, Accuracy: 0.5}, trial.Point{Step: 25, Accuracy: 0.7}), row()})
	if want := "{ [10 20] [0.35 0.5] [0.2 0.4] [0.5 0.6]}"; fmt.Sprintf("%.4v", c) != want {
		t.Errorf("%.4v, want %s", c, want)
	}
}
