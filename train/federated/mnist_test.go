package federated

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/open"
	"github.com/distillmesh/distillmesh/train/device"
)

func TestMNISTIsLearned(t *testing.T) {
	dir := filepath.Join(os.Getenv("DISTILLMESH_DATA"), "mnist")
	if _, err := os.Stat(dir); err != nil || os.Getenv("DISTILLMESH_DATA") == "" {
		t.Skip("needs real data: set DISTILLMESH_DATA to a folder with mnist in it")
	}
	clients, test := digits(t, dir, data.Split{Kind: data.Ring, Clients: 500, PerClient: 10})
	clients, net := clients[:20], network(t, "lenet", data.Shape{C: 1, H: 28, W: 28}, 10)
	for _, s := range Strategies() {
		c := DefaultConfig(s.Name)
		c.Rounds, c.Epochs, c.LR = 3, 5, 0.02
		r := mustRun(t, net, clients, c, Options{Device: device.Choice{Workers: 2}})
		a, err := train.Evaluate(context.Background(), r.Model, test.Subset(firstOf(1000)))
		if err != nil || a.Fraction() < 0.5 {
			t.Errorf("%s: %v right of a thousand (%v)", s.Name, a.Correct, err)
		}
		t.Logf("%s: %.3f after %d steps, %v bytes", s.Name, a.Fraction(), r.Steps, r.Bytes)
	}
}

func firstOf(n int) []int {
	index := make([]int, n)
	for i := range index {
		index[i] = i
	}
	return index
}

// digits is MNIST as clients and test samples.
func digits(t testing.TB, dir string, split data.Split) (clients []*data.Samples, test *data.Samples) {
	t.Helper()
	ds, err := open.Path(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := split.Parts(ds.Train.Labels(), 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range parts {
		s, err := data.Load(ds.Task, ds.Train, part)
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, s)
	}
	if test, err = data.LoadAll(ds.Task, ds.Test); err != nil {
		t.Fatal(err)
	}
	return clients, test
}
