// Command coresets measures the cheap distillation methods on real data, pooled,
// beside the figures of edge-distillers 3.1 and 3.2: real samples, centroids and
// solved labels through the NTK predictor of depth 1, closed-form ridge through
// its own model. It fails when a mean lies farther from what is published than a
// point and what seeds explain. Without DISTILLMESH_DATA it says so and does
// nothing.
//
//	go run ./test/coresets [-data mnist,fashion-mnist,cifar-10] [-ipc 1,10,50] [-seeds 3] [-methods herding,ridge,...]
//	go run ./test/coresets -clients -data mnist
package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/registry"
	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/test/real"
)

// figure is an accuracy in % and its deviation over three seeds, 0 where none
// was given.
type figure struct{ mean, std float64 }

// row is a method with settings, and what is published of it at 1, 10 and 50
// images per class (edge-distillers 3.1).
type row struct {
	method    string // NAME:SETTING=VALUE:...
	draws     bool   // seeds matter
	published map[string][3]figure
}

var rows = []row{
	{"random", true, map[string][3]figure{"mnist": {{44.2, 1.7}, {77.5, 1.1}, {89.4, .2}},
		"fashion-mnist": {{47.6, .7}, {72.8, .4}, {78.5, 0}}, "cifar-10": {{16.7, 1.2}, {23.6, 2.2}, {32.9, .3}}}},
	{"k-center", false, map[string][3]figure{"mnist": {{66.1, 0}, {52.1, 0}, {69.0, 0}},
		"fashion-mnist": {{65.8, 0}, {58.0, 0}, {55.8, 0}}, "cifar-10": {{22.7, 0}, {23.8, 0}, {23.9, 0}}}},
	{"herding", false, map[string][3]figure{"mnist": {{66.1, 0}, {86.2, 0}, {91.7, 0}},
		"fashion-mnist": {{65.8, 0}, {72.1, 0}, {76.4, 0}}, "cifar-10": {{22.7, 0}, {29.2, 0}, {33.9, 0}}}},
	{"k-means:publish=nearest", true, map[string][3]figure{"mnist": {{66.1, 0}, {86.0, 0}, {92.2, 0}},
		"fashion-mnist": {{65.8, 0}, {77.6, 0}, {81.5, 0}}, "cifar-10": {{22.7, 0}, {27.4, 0}, {33.1, 0}}}},
	{"k-means", true, map[string][3]figure{"mnist": {{79.8, 0}, {89.6, 0}, {93.3, 0}},
		"fashion-mnist": {{68.9, 0}, {81.6, 0}, {82.8, 0}}, "cifar-10": {{29.1, 0}, {35.1, 0}, {38.3, 0}}}},
	{"label-solve:start=random:targets=5000", true, map[string][3]figure{"mnist": {{58.0, 0}, {88.4, 0}, {93.9, 0}},
		"fashion-mnist": {{61.3, 0}, {79.2, 0}, {83.5, 0}}, "cifar-10": {{26.1, 0}, {38.8, 0}, {42.8, 0}}}},
	{"label-solve:start=random", true, nil},
	{"label-solve", true, nil},
}

// columns are the budgets that figures are published for.
var columns = []int{1, 10, 50}

// within is how many points a mean may lie from what is published, beside three
// standard errors of the seeds.
const within = 1.0

func main() {
	sets := flag.String("data", "mnist,fashion-mnist,cifar-10", "data sets")
	sizes := flag.String("ipc", "1,10,50", "images per class")
	seeds := flag.Int("seeds", 3, "runs of each method that draws")
	only := flag.String("methods", "", "NAME:SETTING=VALUE,... in place of all; ridge for 3.2")
	clients := flag.Bool("clients", false, "measure ten clients that distill apart instead")
	flag.Parse()
	root := os.Getenv("DISTILLMESH_DATA")
	if root == "" {
		fmt.Println("needs real data: set DISTILLMESH_DATA")
		return
	}
	ipcs, err := numbers(*sizes)
	if err != nil {
		fail(err)
	}
	good := true
	for name := range strings.SplitSeq(*sets, ",") {
		set, err := real.Open(root, name)
		b := &bench{set}
		if err == nil && *clients {
			err = b.clients()
		} else if err == nil {
			var ok bool
			ok, err = b.all(chosen(*only), ipcs, *seeds)
			good = good && ok
		}
		if err != nil {
			fail(err)
		}
	}
	if !good {
		fail(fmt.Errorf("figures marked * are more than %.1f points and three standard errors from what is published",
			within))
	}
}

func numbers(words string) ([]int, error) {
	var out []int
	for word := range strings.SplitSeq(words, ",") {
		n, err := strconv.Atoi(word)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// chosen are the rows asked for; nothing asks for all.
func chosen(only string) []row {
	if only == "" {
		return append(slices.Clone(rows), row{method: "ridge"})
	}
	var out []row
	for word := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(rows, func(r row) bool { return r.method == word })
		if i < 0 {
			out = append(out, row{method: word, draws: true})
			continue
		}
		out = append(out, rows[i])
	}
	return out
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "coresets:", err)
	os.Exit(1)
}

// bench is one data set.
type bench struct{ *real.Data }

// all prints one line per method and budget; it reports whether all agree with
// what is published.
func (b *bench) all(rows []row, ipcs []int, seeds int) (bool, error) {
	good := true
	fmt.Printf("%-14s %-38s %-4s %-16s %-12s %-8s %s\n", "data", "method", "ipc", "accuracy in %", "published",
		"seconds", "smallest group")
	for _, r := range rows {
		if r.method == "ridge" {
			ok, err := b.ridge()
			if err != nil {
				return false, err
			}
			good = good && ok
			continue
		}
		for _, ipc := range ipcs {
			ok, err := b.measure(r, ipc, seeds)
			if err != nil {
				return false, err
			}
			good = good && ok
		}
	}
	return good, nil
}

// methodOf reads NAME:SETTING=VALUE:...
func methodOf(label string) (distill.Method, error) {
	name, settings, err := registry.Split(label)
	if err != nil {
		return nil, err
	}
	m, err := registry.Method(name)
	if err != nil {
		return nil, err
	}
	return m.With(settings)
}

// measure prints one line.
func (b *bench) measure(r row, ipc, seeds int) (bool, error) {
	m, err := methodOf(r.method)
	if err != nil {
		return false, err
	}
	if !r.draws {
		seeds = 1
	}
	var took time.Duration
	group := math.MaxInt
	scores, err := trial.Repeat(seeds, func(seed uint64) (trial.Result, error) {
		began := time.Now()
		result, err := m.Distill(context.Background(), distill.Request{Samples: b.Train, IPC: ipc, Seed: seed})
		if err != nil {
			return trial.Result{}, fmt.Errorf("%s, %s, %d images per class: %w", b.Task.Name, r.method, ipc, err)
		}
		took += time.Since(began)
		group = min(group, result.SmallestGroup)
		return b.Score("ntk:1", result.Images)
	})
	if err != nil {
		return false, err
	}
	accuracy := scores.Last.Times(100)
	known, ok := "-", true
	if at := slices.Index(columns, ipc); at >= 0 && r.published != nil {
		want := r.published[b.Task.Name][at]
		known = fmt.Sprintf("%.1f", want.mean)
		slack := within + 3*math.Hypot(accuracy.Std, want.std)/math.Sqrt(float64(seeds))
		if math.Abs(accuracy.Mean-want.mean) > slack {
			known, ok = known+" *", false
		}
	}
	fmt.Printf("%-14s %-38s %-4d %5.2f +-%-8.2f %-12s %-8.1f %d\n", b.Task.Name, r.method, ipc, accuracy.Mean,
		accuracy.Std, known, took.Seconds()/float64(seeds), group)
	return ok, nil
}
