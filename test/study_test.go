package test

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/distill/match"
	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/model"
)

// study is FedD3's setting (a) of federated-recipes.md: ten clients on a ring,
// two classes each, one stored image a class, one fresh model on all of them.
type study struct {
	task  *data.Task
	parts []*data.Samples
	test  *data.Samples
}

func newStudy(t *testing.T, path string) *study {
	t.Helper()
	ds, err := data.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &study{task: ds.Task}
	parts, err := data.Split{Kind: data.Ring, Clients: edges, PerClient: 2}.Parts(ds.Train.Labels(), len(ds.Task.Classes))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		samples, err := data.Load(ds.Task, ds.Train, p)
		if err != nil {
			t.Fatal(err)
		}
		s.parts = append(s.parts, samples)
	}
	if s.test, err = data.Load(ds.Task, ds.Test, nil); err != nil {
		t.Fatal(err)
	}
	return s
}

// distil gives what a trainer would read, with the seconds a client took and
// the smallest relative distance to a real sample.
func (s *study) distil(t *testing.T, m distill.Method, formation int, seed uint64) (merged *data.Samples, seconds, nearest float64) {
	t.Helper()
	var batches []*data.Samples
	nearest = 1e6
	for i, local := range s.parts {
		began := time.Now()
		r, err := m.Distill(context.Background(), distill.Request{Samples: local, IPC: 1, Seed: seed*edges + uint64(i), Formation: formation, Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		seconds += time.Since(began).Seconds() / edges
		rounded, err := artifact.RoundTrip(r.Images, artifact.U8)
		if err != nil {
			t.Fatal(err)
		}
		f := data.NewFormation(r.Formation.Factor)
		d, err := distill.Disclose(context.Background(), rounded, local, f)
		if err != nil {
			t.Fatal(err)
		}
		nearest = min(nearest, d.NearestReal())
		batches = append(batches, f.Decode(rounded))
	}
	merged, err := data.Merge(batches...)
	if err != nil {
		t.Fatal(err)
	}
	return merged, seconds, nearest
}

func (s *study) accuracy(t *testing.T, name string, samples *data.Samples, r train.Recipe, seed uint64) float64 {
	t.Helper()
	spec, err := model.Parse(name, s.task.Shape, len(s.task.Classes))
	if err != nil {
		t.Fatal(err)
	}
	trained, err := spec.Fit(context.Background(), samples, r, train.Options{Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	a, err := train.Evaluate(context.Background(), trained, s.test)
	if err != nil {
		t.Fatal(err)
	}
	return a.Fraction()
}

// What dm brings beside its controls. It takes minutes, so it runs when asked
// for: DISTILLMESH_STUDY is the number of seeds.
func TestDistributionMatchingBesideItsControls(t *testing.T) {
	seeds, _ := strconv.Atoi(os.Getenv("DISTILLMESH_STUDY"))
	if seeds < 1 {
		t.Skip("takes minutes: set DISTILLMESH_STUDY to a number of seeds, and DISTILLMESH_DATA")
	}
	s := newStudy(t, mnist(t))
	lenet := match.DefaultDM().Recipe()
	convnet := lenet
	convnet.MinSteps, convnet.MaxSteps = 300, 300
	means := map[string]float64{}
	for _, row := range []struct {
		name      string
		method    distill.Method
		formation int
	}{
		{"dm", match.DefaultDM(), 2}, {"random, same formation and recipe", coreset.Random{}, 2},
		{"random, same recipe", coreset.Random{}, 1}, {"gmm, same recipe", coreset.DefaultGMM(), 1},
	} {
		var scores [2][]float64
		var seconds, nearest float64
		for seed := range uint64(seeds) {
			var samples *data.Samples
			samples, seconds, nearest = s.distil(t, row.method, row.formation, seed)
			scores[0] = append(scores[0], 100*s.accuracy(t, "lenet", samples, lenet, seed))
			scores[1] = append(scores[1], 100*s.accuracy(t, "convnet3:64", samples, convnet, seed))
		}
		l, ls := stat.MeanStdDev(scores[0], nil)
		c, cs := stat.MeanStdDev(scores[1], nil)
		means[row.name] = l + c
		t.Logf("%-34s lenet %.1f +-%.1f, convnet3:64 %.1f +-%.1f (n=%d); %.2f s a client, nearest_real %.2f", row.name, l, ls, c, cs, seeds, seconds, nearest)
	}
	if means["dm"] < means["random, same formation and recipe"] {
		t.Errorf("dm is below its control: %v", means)
	}
}
