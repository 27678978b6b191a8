// Package real opens the real data sets that measuring commands need, and scores
// models on them.
package real

import (
	"context"
	"path/filepath"

	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/open"
)

// folders are where the data sets lie under DISTILLMESH_DATA.
var folders = map[string]string{"mnist": "mnist", "fashion-mnist": "fashion-mnist", "cifar-10": "cifar-10-batches-bin"}

// Data is one data set in task space.
type Data struct {
	Dir         string
	Task        *data.Task
	Train, Test *data.Samples
}

// Open reads the data set called mnist, fashion-mnist or cifar-10 under root.
func Open(root, name string) (*Data, error) {
	dir := filepath.Join(root, folders[name])
	ds, err := open.Path(dir, nil)
	if err != nil {
		return nil, err
	}
	d := &Data{Dir: dir, Task: ds.Task}
	if d.Train, err = data.LoadAll(ds.Task, ds.Train); err != nil {
		return nil, err
	}
	d.Test, err = data.LoadAll(ds.Task, ds.Test)
	return d, err
}

// Score fits a model in closed form and returns its test accuracy.
func (d *Data) Score(name string, s *data.Samples) (trial.Result, error) {
	return d.Bench().Measure(context.Background(), trial.Run{Label: d.Task.Name, Consumer: name, Samples: s})
}

// Bench measures on the test part, on all cores.
func (d *Data) Bench() *trial.Bench { return &trial.Bench{Test: d.Test} }

// Accuracy is the test accuracy in %.
func (d *Data) Accuracy(c train.Classifier) (float64, error) {
	a, err := train.Evaluate(context.Background(), c, d.Test)
	return 100 * a.Fraction(), err
}
