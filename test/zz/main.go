package main

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/distill/registry"
	"github.com/distillmesh/distillmesh/distill/tiling"
	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/nn"
	"golang.org/x/sync/errgroup"
)

var (
	path    = flag.String("data", "/work/shared/data/mnist", "")
	ring    = flag.Int("ring", 2, "")
	clients = flag.Int("clients", 10, "")
	ipc     = flag.Int("ipc", 1, "")
	form    = flag.Int("formation", 0, "")
	methods = flag.String("method", "dm", "comma separated")
	models  = flag.String("model", "lenet,convnet3:64", "")
	seeds   = flag.Int("seeds", 3, "")
	from    = flag.Int("from", 0, "")
	recipes = flag.String("recipe", "default", "lr/steps/schedule/augment/batch/wd, ; separated")
	cache   = flag.String("cache", "/work/st/experts", "")
	nval    = flag.Int("val", 5000, "")
	blur    = flag.Bool("u8", true, "")
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	flag.Parse()
	ds := must(data.Open(*path, nil))
	ds.Test = nil
	ds = must(ds.Holdout(float64(*nval)/float64(len(ds.Train.Labels())), 0))
	test := must(data.Load(ds.Task, ds.Test, nil))
	for _, label := range strings.Split(*methods, ",") {
		name, settings, err := registry.Split(label)
		if err != nil {
			panic(err)
		}
		f := settings["f"]
		delete(settings, "f")
		formation := *form
		if f != "" {
			fmt.Sscan(f, &formation)
		}
		var m distill.Method
		if name == "rr" {
			m = coreset.Random{}
		} else {
			m = must(must(registry.Method(name)).With(settings))
		}
		res := map[string][]float64{}
		var secs float64
		for seed := *from; seed < *from+*seeds; seed++ {
			parts := must(data.Split{Kind: map[bool]data.SplitKind{true: data.Ring, false: data.IID}[*ring > 0], Clients: *clients, PerClient: *ring, Seed: uint64(seed)}.Parts(ds.Train.Labels(), len(ds.Task.Classes)))
			all := &data.Samples{Classes: len(ds.Task.Classes), Shape: ds.Task.Shape}
			sets := make([]*data.Samples, len(parts))
			began := time.Now()
			var g errgroup.Group
			g.SetLimit(2)
			for i, part := range parts {
				g.Go(func() error {
					local := must(data.Load(ds.Task, ds.Train, part))
					w := 1
					if len(parts) == 1 {
						w = 2
					}
					r, err := m.Distill(context.Background(), distill.Request{Samples: local, IPC: *ipc, Seed: data.Stream(uint64(seed), "study-client", uint64(i)).Uint64(), Formation: formation, Workers: w, Cache: *cache})
					if err != nil {
						return err
					}
					for _, w := range r.Warnings {
						fmt.Println("  !", w)
					}
					sets[i] = r.Formation.Decode(r.Images)
					return nil
				})
			}
			if err := g.Wait(); err != nil {
				panic(err)
			}
			secs += time.Since(began).Seconds()
			for _, s := range sets {
				all.X, all.Y, all.Soft = append(all.X, s.X...), append(all.Y, s.Y...), append(all.Soft, s.Soft...)
			}
			var mu sync.Mutex
			var tg errgroup.Group
			tg.SetLimit(2)
			for _, rec := range strings.Split(*recipes, ";") {
				for _, model := range strings.Split(*models, ",") {
					tg.Go(func() error {
						r := tiling.Recipe()
						if rec != "default" {
							w := strings.Split(rec, "/")
							fmt.Sscan(w[0], &r.LR)
							if len(w) > 1 {
								fmt.Sscan(w[1], &r.MaxSteps)
								r.MinSteps = r.MaxSteps
							}
							if len(w) > 2 && w[2] != "-" {
								r.Schedule = w[2]
							}
							if len(w) > 3 && w[3] != "-" {
								r.Augment = w[3]
							}
							if len(w) > 4 {
								fmt.Sscan(w[4], &r.Batch)
							}
							if len(w) > 5 {
								fmt.Sscan(w[5], &r.WeightDecay)
							}
						}
						net := must(nn.Parse(model, all.Shape, all.Classes))
						mdl, err := train.Fit(context.Background(), net, all, r, train.Options{Seed: uint64(seed)})
						if err != nil {
							return err
						}
						lg := must(mdl.Logits(context.Background(), test))
						acc := 0.0
						for i := range test.Len() {
							b := 0
							for c := range test.Classes {
								if lg[i*test.Classes+c] > lg[i*test.Classes+b] {
									b = c
								}
							}
							if b == test.Y[i] {
								acc += 1 / float64(test.Len())
							}
						}
						mu.Lock()
						res[rec+" "+model] = append(res[rec+" "+model], acc)
						mu.Unlock()
						return nil
					})
				}
			}
			if err := tg.Wait(); err != nil {
				panic(err)
			}
		}
		for _, rec := range strings.Split(*recipes, ";") {
			fmt.Printf("%s | %s | %.0fs", label, rec, secs/float64(*seeds))
			for _, model := range strings.Split(*models, ",") {
				a := res[rec+" "+model]
				mean, sd := stat(a)
				fmt.Printf(" | %s %.2f ±%.2f", model, 100*mean, 100*sd)
			}
			fmt.Println()
		}
	}
}

func stat(a []float64) (mean, sd float64) {
	for _, v := range a {
		mean += v / float64(len(a))
	}
	for _, v := range a {
		sd += (v - mean) * (v - mean)
	}
	if len(a) > 1 {
		sd /= float64(len(a) - 1)
	}
	return mean, sqrt(sd)
}

func sqrt(x float64) float64 {
	z := x + 1e-12
	for range 60 {
		z = (z + x/z) / 2
	}
	return z
}
