// Command att measures whether matching the nearest step of a student (ATT)
// is less sensitive to the number of its steps than matching the last one (MTT):
// pooled data, one image per class, the accuracy of fresh networks over the cap of
// steps, which step was the nearest, and other architectures (att.md 2, check 6).
// Without DISTILLMESH_DATA it says so and does nothing.
//
//	go run ./test/att [-data mnist] [-caps 5,10,20,40] [-seeds 3] [-o FOLDER] [-options iterations=300,...]
//
// The folder keeps what is done, so that a run that was ended goes on, and its
// experts; it gets att.svg too.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/registry"
	"github.com/distillmesh/distillmesh/distill/tiling"
	"github.com/distillmesh/distillmesh/distill/trajectory"
	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/test/real"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
)

// Run is what one distillation gave.
type Run struct {
	Method   string             `json:"method"`
	Cap      int                `json:"cap"` // 0 for the control
	Seed     uint64             `json:"seed"`
	Accuracy map[string]float64 `json:"accuracy"` // in %, by architecture
	Nearest  []int              `json:"nearest"`  // how often each step was compared
	Seconds  float64            `json:"seconds"`
}

// bench is the measurement.
type bench struct {
	data    *real.Data
	set     string // name of the data
	dir     string
	store   *trial.Store
	options map[string]string
	caps    []int
	methods []string
	models  []string // at every cap
	others  []string // at the cap in the middle
	seeds   uint64
	workers int
}

func main() {
	b := &bench{caps: []int{5, 10, 20, 40}, methods: []string{"mtt", "att", "tesla"},
		options: map[string]string{"formation": "1"},
		models:  []string{"convnet3:16", "lenet", "mlp"}, others: []string{"convnet3:64", "alexnet", "resnet18"}}
	flag.StringVar(&b.set, "data", "mnist", "data set")
	list("caps", &b.caps, strconv.Atoi, "steps of a student, at most (default 5,10,20,40)")
	flag.Uint64Var(&b.seeds, "seeds", 3, "runs of each")
	text := func(s string) (string, error) { return s, nil }
	list("methods", &b.methods, text, "methods (default mtt,att,tesla)")
	flag.StringVar(&b.dir, "o", "att", "folder of what is done")
	flag.Func("options", "NAME=VALUE,... of all methods (default formation=1)", func(s string) error {
		for _, w := range words(s) {
			name, value, _ := strings.Cut(w, "=")
			b.options[name] = value
		}
		return nil
	})
	list("models", &b.models, text, "architectures at every cap, the distilling one first (default convnet3:16,lenet,mlp)")
	list("others", &b.others, text, "architectures at the third cap (default convnet3:64,alexnet,resnet18)")
	flag.IntVar(&b.workers, "workers", runtime.NumCPU(), "processor cores to use")
	flag.Parse()
	root := os.Getenv("DISTILLMESH_DATA")
	if root == "" {
		fmt.Println("needs real data: set DISTILLMESH_DATA")
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := b.measure(ctx, root); err != nil {
		fmt.Fprintln(os.Stderr, "att:", err)
		os.Exit(1)
	}
}

// list is a flag of comma-separated values.
func list[T any](name string, into *[]T, parse func(string) (T, error), usage string) {
	flag.Func(name, usage, func(s string) error {
		*into = nil
		for _, w := range words(s) {
			v, err := parse(w)
			if err != nil {
				return err
			}
			*into = append(*into, v)
		}
		return nil
	})
}

func (b *bench) measure(ctx context.Context, root string) error {
	store, err := trial.Open(b.dir, "experts")
	if err != nil {
		return err
	}
	defer store.Close()
	b.store = store
	if b.data, err = real.Open(root, b.set); err != nil {
		return err
	}
	var runs []Run
	for seed := range b.seeds {
		control, err := b.run(ctx, "random", 0, seed, true)
		if err != nil {
			return err
		}
		runs = append(runs, control)
		for i, n := range b.caps {
			for _, method := range b.methods {
				r, err := b.run(ctx, method, n, seed, i == min(2, len(b.caps)-1))
				if err != nil {
					return err
				}
				runs = append(runs, r)
			}
		}
	}
	b.report(runs)
	return plotCaps(filepath.Join(b.dir, "att.svg"), runs, b.caps, b.methods, b.models[0])
}

func words(s string) (out []string) {
	for w := range strings.SplitSeq(s, ",") {
		if w != "" {
			out = append(out, w)
		}
	}
	return out
}

// run does one distillation and its trainings, or reads what they gave.
func (b *bench) run(ctx context.Context, method string, most int, seed uint64, more bool) (r Run, err error) {
	key := trial.Key{Parts: []any{b.set, b.options, method, most, seed, more, b.models, b.others},
		Words: []any{method, most, seed}}
	name, err := key.Name()
	if err != nil {
		return r, err
	}
	r, done := trial.ReadRecord[Run](b.store.Run(name))
	if done {
		return r, nil
	}
	r = Run{Method: method, Cap: most, Seed: seed, Accuracy: map[string]float64{}, Nearest: make([]int, most+1)}
	began := time.Now()
	samples, formation, err := b.distill(ctx, &r)
	if err != nil {
		return r, err
	}
	r.Seconds = time.Since(began).Seconds()
	names := b.models
	if more {
		names = append(names[:len(names):len(names)], b.others...)
	}
	for _, name := range names {
		if r.Accuracy[name], err = b.accuracy(ctx, name, samples, formation, seed); err != nil {
			return r, err
		}
	}
	fmt.Printf("%s cap %d seed %d: %v, %.0f s\n", method, most, seed, r.Accuracy, r.Seconds)
	return r, trial.WriteRecord(b.store.Run(name), r)
}

func (b *bench) request(seed uint64) distill.Request {
	return distill.Request{Samples: b.data.Train, IPC: 1, Seed: seed, Device: device.Choice{Workers: b.workers},
		Cache: b.store.Path("experts")}
}

// distill makes what networks train on, counting which steps were compared.
func (b *bench) distill(ctx context.Context, r *Run) (*data.Samples, data.Formation, error) {
	req := b.request(r.Seed)
	if r.Method == "random" {
		all := trial.Part{Index: make([]int, b.data.Train.Len()), Seed: r.Seed, IPC: req.IPC}
		for i := range all.Index {
			all.Index[i] = i
		}
		samples, err := trial.Control{}.Draw(ctx, trial.PoolOf(b.data.Train), all)
		return samples, data.NewFormation(1), err
	}
	result, err := b.match(ctx, r, req)
	if err != nil {
		return nil, data.Formation{}, err
	}
	for _, w := range result.Warnings {
		fmt.Printf("%s cap %d seed %d: %s\n", r.Method, r.Cap, r.Seed, w)
	}
	f := result.Formation.OrDefault()
	return f.Decode(result.Images), f, nil
}

// match distills by a trajectory method.
func (b *bench) match(ctx context.Context, r *Run, req distill.Request) (*distill.Result, error) {
	found, err := registry.Method(r.Method)
	if err != nil {
		return nil, err
	}
	if found, err = found.With(b.options); err != nil {
		return nil, err
	}
	if found, err = found.With(map[string]string{"cap": strconv.Itoa(r.Cap)}); err != nil {
		return nil, err
	}
	m := found.(trajectory.Method)
	m.Watch = func(record trajectory.Record) { r.Nearest[record.Steps]++ }
	return m.Distill(ctx, req)
}

// accuracy trains a fresh network on the images; it is in %.
func (b *bench) accuracy(ctx context.Context, name string, samples *data.Samples, f data.Formation,
	seed uint64) (float64, error) {
	recipe := tiling.Recipe(b.request(seed), tiling.Suitable, tiling.ViewWhole, f)
	recipe.Elastic, recipe.Smooth = 0, 0 // as the images were trained on while they were matched
	measuring := b.data.Bench()
	measuring.Device.Workers = b.workers
	r, err := measuring.Measure(ctx, trial.Run{Label: b.set, Consumer: name, Samples: samples, Recipe: recipe, Seed: seed})
	return 100 * r.Accuracy, err
}
