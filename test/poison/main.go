// Command poison measures what poisoned sets cost, and what judging sets before a training gives
// back: ten devices of two classes each distill MNIST, some of them publish permuted labels or
// noise, and LeNet and the NTK predictor are trained on all sets, on those that package judge
// keeps, with and without labeled samples of the receiver, and on the honest ones. Without
// DISTILLMESH_DATA it says so and does nothing.
//
//	go run ./test/poison [-data mnist] [-seeds 5] [-own 300] -o DIR
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/auto"
	"github.com/distillmesh/distillmesh/distill/judge"
	"github.com/distillmesh/distillmesh/distill/match"
	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/open"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/view"
)

const clients = 10

// models are what is trained.
var models = []string{"lenet", "ntk:1"}

// attack is what some of the publishers do.
type attack struct {
	Name  string
	spoil func(sets []*data.Samples) (bad []int)
}

// attacks are all, the first being none.
var attacks = []attack{
	{"none", func([]*data.Samples) []int { return nil }},
	{"1 exchanges its two labels", func(s []*data.Samples) []int { return exchange(s, 4) }},
	{"3 exchange their two labels", func(s []*data.Samples) []int { return exchange(s, 1, 4, 8) }},
	{"3 collude on one permutation", func(s []*data.Samples) []int { return permute(s, 1, 4, 8) }},
	{"3 neighbors collude on one permutation", func(s []*data.Samples) []int { return permute(s, 1, 2, 3) }},
	{"1 publishes noise", func(s []*data.Samples) []int { return noise(s, 6) }},
	{"none, one class held by one publisher", lonely},
}

func exchange(s []*data.Samples, bad ...int) []int {
	for _, k := range bad {
		held := s[k].Held()
		for i, y := range s[k].Y {
			s[k].Y[i] = held[0] + held[len(held)-1] - y
		}
	}
	return bad
}

func permute(s []*data.Samples, bad ...int) []int {
	for _, k := range bad {
		for i, y := range s[k].Y {
			s[k].Y[i] = (y + 3) % s[k].Classes
		}
	}
	return bad
}

func noise(s []*data.Samples, bad ...int) []int {
	rng := data.Stream(1, "poison")
	for _, k := range bad {
		for i := range s[k].X {
			s[k].X[i] = float32(rng.NormFloat64())
		}
	}
	return bad
}

// lonely takes class 5 from all but its first holder; nobody is false.
func lonely(s []*data.Samples) []int {
	found := false
	for k, one := range s {
		members := one.ByClass()[5]
		if len(members) == 0 {
			continue
		}
		if found {
			var rest []int
			for i, y := range one.Y {
				if y != 5 {
					rest = append(rest, i)
				}
			}
			s[k] = one.Subset(rest)
		}
		found = true
	}
	return nil
}

// outcome is what an attack did to a model over all seeds.
type outcome struct {
	Attack, Model string
	// accuracies: on all sets; on those kept without own samples, and with; on honest ones
	All, Alone, WithOwn, Honest       trial.Spread
	Found, FoundOwn                   int // false sets quarantined, over all seeds
	Bad, Mistaken, MistakenOwn, Sound int // false sets; honest ones quarantined; honest ones
}

func main() {
	name, dir := "", ""
	seeds, own := 0, 0
	flag.StringVar(&name, "data", "mnist", "folder under DISTILLMESH_DATA")
	flag.StringVar(&dir, "o", "", "folder of finished runs")
	flag.IntVar(&seeds, "seeds", 5, "runs")
	flag.IntVar(&own, "own", 300, "labeled samples of the receiver")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, name, dir, seeds, own); err != nil {
		fmt.Fprintln(os.Stderr, "poison:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, name, dir string, seeds, own int) error {
	root := os.Getenv("DISTILLMESH_DATA")
	if root == "" || dir == "" {
		return fmt.Errorf("needs real data and a folder: set DISTILLMESH_DATA, give -o")
	}
	b, err := newBench(ctx, filepath.Join(root, name), dir, own)
	if err != nil {
		return err
	}
	defer b.Store.Close()
	byAttack := map[string]*outcome{}
	var order []*outcome
	accuracies := map[*outcome][4][]float64{}
	for seed := range seeds {
		sets, err := b.distill(ctx, seed)
		if err != nil {
			return err
		}
		for _, a := range attacks {
			for _, model := range models {
				key := a.Name + model
				if byAttack[key] == nil {
					byAttack[key] = &outcome{Attack: a.Name, Model: model}
					order = append(order, byAttack[key])
				}
				o := byAttack[key]
				got, err := b.measure(ctx, sets, a, model, seed, o)
				if err != nil {
					return err
				}
				all := accuracies[o]
				for i, v := range got {
					all[i] = append(all[i], v)
				}
				accuracies[o] = all
				fmt.Fprintf(os.Stderr, "%s on %s, seed %d: %.3f\n", a.Name, model, seed, got)
			}
		}
	}
	for _, o := range order {
		all := accuracies[o]
		o.All, o.Alone, o.WithOwn, o.Honest = trial.SpreadOf(all[0]), trial.SpreadOf(all[1]), trial.SpreadOf(all[2]),
			trial.SpreadOf(all[3])
	}
	return show(order)
}

// bench is where all is measured.
type bench struct {
	trial.Bench
	task  *data.Task
	train *data.Samples
	own   *data.Samples
}

func newBench(ctx context.Context, path, dir string, own int) (*bench, error) {
	ds, err := open.Path(path, nil)
	if err != nil {
		return nil, err
	}
	all, err := data.LoadAll(ds.Task, ds.Train)
	if err != nil {
		return nil, err
	}
	test, err := data.LoadAll(ds.Task, ds.Test)
	if err != nil {
		return nil, err
	}
	kept, held := data.Holdout(all.Y, all.Classes, float64(own)/float64(all.Len()), 1)
	b := &bench{task: ds.Task, train: all.Subset(kept), own: all.Subset(held)}
	b.Test, b.Device = test, device.Choice{Workers: 1}
	if b.Store, err = trial.Open(dir); err != nil {
		return nil, err
	}
	b.Identity = []any{"poison", trial.Fingerprint(b.train)}
	return b, ctx.Err()
}

// distill makes the sets of all devices.
func (b *bench) distill(ctx context.Context, seed int) (sets []*artifact.Set, _ error) {
	parts, err := data.Split{Kind: data.Ring, Clients: clients, PerClient: 2, Seed: uint64(seed)}.Parts(b.train.Y,
		b.train.Classes)
	if err != nil {
		return nil, err
	}
	for k, part := range parts {
		req := distill.Request{Samples: b.train.Subset(part), Seed: uint64(100*seed + k), IPC: 1,
			Augment: b.task.Augmentation()}
		method := match.DefaultDM()
		spent, err := auto.Spend(b.task, method, req, auto.Budget{Bytes: auto.UsualBudget(b.task.Shape, 2)})
		if err != nil {
			return nil, err
		}
		req.IPC = spent.IPC
		made, err := artifact.Make(ctx, artifact.Request{Request: req, Task: b.task, Method: method, Pixels: spent.Pixels,
			Payload: spent.Payload, Bare: true})
		if err != nil {
			return nil, err
		}
		sets = append(sets, &made.Set)
	}
	return sets, nil
}

// measure trains a model on all sets, on those that are kept by two judgments, and on the honest ones.
func (b *bench) measure(ctx context.Context, sets []*artifact.Set, a attack, model string, seed int, o *outcome) (
	out [4]float64, _ error) {
	var samples []*data.Samples
	for _, s := range sets {
		t := s.TrainingSamples()
		samples = append(samples, t.Subset(firsts(t.Len())))
	}
	bad := a.spoil(samples)
	r := artifact.Recommend(sets).Recipe
	seen := *b.own
	seen.X = make([]float32, len(b.own.X))
	view.Of(r).Open(b.own.Shape).ShowRows(b.own, 0, b.own.Len(), seen.X)
	o.Bad, o.Sound = o.Bad+len(bad), o.Sound+len(sets)-len(bad)
	keep := [4][]bool{all(len(sets)), nil, nil, all(len(sets))}
	for _, k := range bad {
		keep[3][k] = false
	}
	for i, own := range []*data.Samples{nil, &seen} {
		verdicts, err := judge.Sets(ctx, judge.Question{Sets: samples, Own: own})
		if err != nil {
			return out, err
		}
		keep[1+i] = all(len(sets))
		for k, v := range verdicts {
			if !v.Quarantined {
				continue
			}
			keep[1+i][k] = false
			to := [2][2]*int{{&o.Mistaken, &o.MistakenOwn}, {&o.Found, &o.FoundOwn}}
			right := 0
			if slices.Contains(bad, k) {
				right = 1
			}
			*to[right][i]++
		}
	}
	for i, which := range keep {
		var chosen []*data.Samples
		for k, s := range samples {
			if which[k] {
				chosen = append(chosen, s)
			}
		}
		merged, err := data.Merge(chosen...)
		if err != nil {
			return out, err
		}
		result, err := b.Measure(ctx, trial.Run{Label: "sets", Consumer: model, Samples: merged,
			Print: trial.Fingerprint(merged), Recipe: r, Seed: uint64(seed)})
		if err != nil {
			return out, err
		}
		out[i] = result.Accuracy
	}
	return out, nil
}

func all(n int) []bool { return slices.Repeat([]bool{true}, n) }

func firsts(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// show prints a table and the records.
func show(all []*outcome) error {
	fmt.Println("| what some publishers do | model | all sets | kept, no own samples | kept, with own samples | " +
		"the honest sets | false sets found, without and with own samples | honest sets quarantined |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, o := range all {
		cell := func(s trial.Spread) string { return fmt.Sprintf("%.1f ± %.1f", 100*s.Mean, 100*s.Std) }
		fmt.Printf("| %s | %s | %s | %s | %s | %s | %d, %d of %d | %d, %d of %d |\n", o.Attack, o.Model, cell(o.All),
			cell(o.Alone), cell(o.WithOwn), cell(o.Honest), o.Found, o.FoundOwn, o.Bad, o.Mistaken, o.MistakenOwn, o.Sound)
	}
	doc, err := json.Marshal(all)
	if err == nil {
		fmt.Fprintln(os.Stderr, string(doc))
	}
	return err
}
