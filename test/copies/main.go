// Command copies shows what the search for changed copies of local samples makes of honest
// sets and of copies: the smallest ratio of every method's sets, and the largest of the copies that one
// could hide. Without DISTILLMESH_DATA it says so and does nothing.
//
//	go run ./test/copies [-data mnist,fashion-mnist,cifar-10,breast_cancer,wine_data]
//	  [-methods dm@5,gmm@1,...] [-devices 2] [-attacks=false]
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/registry"
	"github.com/distillmesh/distillmesh/test/real"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/open"
)

// usual are the methods whose sets may be published, as METHOD:OPTIONS@IMAGES/PIXELS.
const usual = "gmm@1,gmm@10,k-means@1,k-means@10,dm@5,dm@20,dm:start=neighbours@10," +
	"dm:iterations=60@10/U4,dm:iterations=60@10/U8,dsa:iterations=20@5,dc:iterations=20@5," +
	"kip:steps=60@5,label-solve@5,ridge@1"

func main() {
	sets := flag.String("data", "mnist,fashion-mnist,cifar-10,breast_cancer,wine_data", "data sets")
	methods := flag.String("methods", usual, "METHOD:OPTIONS@IMAGES/PIXELS,...")
	devices := flag.Int("devices", 2, "devices of the ten of a ring of two classes")
	attacks := flag.Bool("attacks", true, "measure copies too")
	flag.Parse()
	root := os.Getenv("DISTILLMESH_DATA")
	if root == "" {
		fmt.Println("needs real data: set DISTILLMESH_DATA")
		return
	}
	for name := range strings.SplitSeq(*sets, ",") {
		if err := measure(root, name, strings.Split(*methods, ","), *devices, *attacks); err != nil {
			fmt.Fprintf(os.Stderr, "copies: %s: %v\n", name, err)
			os.Exit(1)
		}
	}
}

// measure prints the rows of one data set.
func measure(root, name string, methods []string, devices int, attacks bool) error {
	task, parts, err := devicesOf(root, name, devices)
	if err != nil {
		return err
	}
	fmt.Printf("\n%s:\n\n| what | plain | changed | s |\n| --- | --- | --- | --- |\n", name)
	for _, label := range methods {
		if err := row(task, parts, label); err != nil {
			fmt.Printf("| %s | %v | | |\n", label, err)
		}
	}
	if attacks {
		return hidden(task, parts[0])
	}
	return nil
}

// devicesOf are the parts of some devices of a data set.
func devicesOf(root, name string, n int) (*data.Task, []*data.Samples, error) {
	var task *data.Task
	var all *data.Samples
	if d, err := real.Open(root, name); err == nil && !strings.Contains(name, "_") {
		task, all = d.Task, d.Train
	} else {
		ds, _, err := open.Reading{}.OpenOrDerive(filepath.Join(root, "tabular", name+".csv"), data.Task{Name: name})
		if err != nil {
			return nil, nil, err
		}
		task = ds.Task
		if all, err = data.LoadAll(ds.Task, ds.Train); err != nil {
			return nil, nil, err
		}
		return task, []*data.Samples{all}, nil
	}
	parts, err := data.Split{Kind: data.Ring, Clients: 10, PerClient: 2}.Parts(all.Y, all.Classes)
	if err != nil {
		return nil, nil, err
	}
	var out []*data.Samples
	for _, part := range parts[:n] {
		out = append(out, all.Subset(part))
	}
	return task, out, nil
}

// row makes the sets of a method and prints their smallest ratios.
func row(task *data.Task, parts []*data.Samples, label string) error {
	left, pixels, _ := strings.Cut(label, "/")
	left, images, _ := strings.Cut(left, "@")
	name, settings, err := registry.Split(left)
	if err != nil {
		return err
	}
	m, err := registry.Method(name)
	if err != nil {
		return err
	}
	if m, err = m.With(settings); err != nil {
		return err
	}
	ipc, err := strconv.Atoi(images)
	if err != nil {
		return err
	}
	var plain, changed []float64
	var whole time.Duration
	moved := 0
	for seed, part := range parts {
		start := time.Now()
		made, err := artifact.Make(context.Background(), artifact.Request{
			Task: task, Method: m, Pixels: artifact.PixelType(pixels),
			Request: distill.Request{Samples: part, IPC: ipc, Seed: uint64(seed), Augment: task.Augmentation()}})
		if err != nil {
			return err
		}
		whole += time.Since(start)
		plain, changed = append(plain, made.Disclosure.Ratio...), append(changed, made.Disclosure.Changed...)
		moved += made.Moved
	}
	if changed == nil {
		fmt.Printf("| %s | %.3f | - | %.2f |\n", label, slices.Min(plain), whole.Seconds())
		return nil
	}
	fmt.Printf("| %s | %.2f | %.2f (tenth %.2f, median %.2f), %d moved | %.1f |\n", label,
		slices.Min(plain), slices.Min(changed), quantile(changed, 10), quantile(changed, 2), moved, whole.Seconds())
	return nil
}

// quantile is the value under which a share of 1/of lies.
func quantile(x []float64, of int) float64 {
	x = slices.Clone(x)
	slices.SortFunc(x, func(a, b float64) int { return cmp.Compare(a, b) })
	return x[len(x)/of]
}
