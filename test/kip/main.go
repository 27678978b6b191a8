// Command kip measures the method kip on real data, pooled, through the NTK
// predictor of its depth, beside the figures of edge-distillers 3.1 and 2: it
// starts from real images as they do. Without DISTILLMESH_DATA it says so and
// does nothing.
//
//	go run ./test/kip [-data mnist,fashion-mnist,cifar-10] [-ipc 1,10,50] [-seeds 3] [-options labels=fixed,...]
//	go run ./test/kip -clients -data mnist
package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/kip"
	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/test/peer"
	"github.com/distillmesh/distillmesh/test/real"
	"github.com/distillmesh/distillmesh/train/data"
)

//go:embed peer_kip.py
var peerScript []byte

// published is the accuracy in % with learned labels at 1, 10 and 50 images per
// class (edge-distillers 3.1).
var published = map[string]map[int]float64{
	"mnist":         {1: 89.7, 10: 96.1, 50: 96.6},
	"fashion-mnist": {1: 81.7, 10: 86.0, 50: 86.7},
	"cifar-10":      {1: 39.7, 10: 47.5, 50: 48.6},
}

// within is how many points the mean may lie below or above what is published.
const within = 1.0

func main() {
	sets := flag.String("data", "mnist,fashion-mnist,cifar-10", "data sets")
	sizes := flag.String("ipc", "1,10,50", "images per class")
	seeds := flag.Int("seeds", 3, "runs of each")
	options := flag.String("options", "",
		"NAME=VALUE,... of the method beside start=real (with -clients: beside the defaults)")
	configured := flag.Bool("as-configured", false,
		"let numpy keep this machine's OPENBLAS settings, which may make it slower")
	clients := flag.Bool("clients", false, "measure ten clients that distill apart instead")
	flag.Parse()
	root := os.Getenv("DISTILLMESH_DATA")
	if root == "" {
		fmt.Println("needs real data: set DISTILLMESH_DATA")
		return
	}
	if *clients {
		method, err := withOptions(kip.Default(), *options)
		if err != nil {
			fail(err)
		}
		for name := range strings.SplitSeq(*sets, ",") {
			set, err := real.Open(root, name)
			if err == nil {
				b := &bench{set}
				err = b.clients(method)
			}
			if err != nil {
				fail(err)
			}
		}
		return
	}
	numpy := peer.Find(context.Background(), "", peerScript, "numpy", "scipy")
	if numpy != nil {
		numpy.AsConfigured = *configured
		defer numpy.Close()
	}
	fmt.Println("data           ipc  accuracy in %    published  steps/s   numpy   ratio  F16    U8     PNG")
	fromReal, err := kip.Default().With(map[string]string{"start": kip.Real})
	if err == nil {
		fromReal, err = withOptions(fromReal, *options)
	}
	if err != nil {
		fail(err)
	}
	good := true
	for name := range strings.SplitSeq(*sets, ",") {
		set, err := real.Open(root, name)
		if err != nil {
			fail(err)
		}
		b := &bench{set}
		for word := range strings.SplitSeq(*sizes, ",") {
			ipc, err := strconv.Atoi(word)
			if err != nil {
				fail(err)
			}
			ok, err := b.measure(fromReal, ipc, *seeds, *options == "", numpy)
			if err != nil {
				fail(err)
			}
			good = good && ok
		}
	}
	if !good {
		fail(fmt.Errorf("a mean is more than %.1f points from what is published", within))
	}
}

// withOptions sets NAME=VALUE words between commas.
func withOptions(m distill.Method, words string) (distill.Method, error) {
	settings := map[string]string{}
	for word := range strings.SplitSeq(words, ",") {
		if name, value, ok := strings.Cut(word, "="); ok {
			settings[name] = value
		}
	}
	return m.With(settings)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "kip:", err)
	os.Exit(1)
}

// bench is one data set.
type bench struct{ *real.Data }

// measure prints one line; it reports whether the mean agrees with what is
// published, if it has to.
func (b *bench) measure(method distill.Method, ipc, seeds int, compare bool, numpy *peer.Script) (bool, error) {
	var steps int
	var took time.Duration
	trips := map[string]float64{}
	scores, err := trial.Repeat(seeds, func(seed uint64) (trial.Result, error) {
		began := time.Now()
		var first time.Time // the first steps are behind us: the start is not timed
		done := 0
		result, err := method.Distill(context.Background(),
			distill.Request{Samples: b.Train, IPC: ipc, Seed: seed, Progress: func(p distill.Progress) {
				if done == 0 {
					began, first = time.Now(), time.Now()
					steps -= p.Done
				}
				done = p.Done
			}})
		if err != nil || first.IsZero() {
			return trial.Result{}, fmt.Errorf("%s, %d images per class: %w", b.Task.Name, ipc, err)
		}
		took += time.Since(began)
		steps += done
		if err := b.roundTrips(result.Images, trips); err != nil {
			return trial.Result{}, err
		}
		return b.Score("ntk:1", result.Images)
	})
	if err != nil {
		return false, err
	}
	accuracy := scores.Last.Times(100)
	want, known := published[b.Task.Name][ipc]
	rate, theirs := float64(steps)/took.Seconds(), 0.0
	if numpy != nil {
		if theirs, err = b.peerRate(numpy, ipc, steps/seeds); err != nil {
			return false, err
		}
	}
	fmt.Printf("%-14s %-4d %.2f +-%.2f    %-9.1f  %-8.1f  %-6.1f  %-5.1f  %.2f  %.2f  %.2f\n", b.Task.Name, ipc,
		accuracy.Mean, accuracy.Std, want, rate, theirs, rate/theirs,
		trips["F16"]/float64(seeds), trips["U8"]/float64(seeds), trips["PNG"]/float64(seeds))
	return !known || !compare || math.Abs(accuracy.Mean-want) <= within, nil
}

// peerRate is the steps per second of the same algorithm in numpy, of as many
// steps as one of our runs took.
func (b *bench) peerRate(numpy *peer.Script, ipc, steps int) (float64, error) {
	kind := "mnist"
	if b.Task.Shape.C == 3 {
		kind = "cifar"
	}
	var row struct {
		Rate float64 `json:"steps_per_s"`
	}
	err := numpy.Run(context.Background(), &row, nil, b.Dir, kind, strconv.Itoa(ipc), strconv.Itoa(steps))
	return row.Rate, err
}

// roundTrips adds the accuracy after each way of writing pixels down: halves,
// bytes with a range per image, and bytes of the real pixel range, which is what
// a plain PNG holds.
func (b *bench) roundTrips(s *data.Samples, sum map[string]float64) error {
	half, err := artifact.RoundTrip(s, artifact.F16)
	if err != nil {
		return err
	}
	bytes, err := artifact.RoundTrip(s, artifact.U8)
	if err != nil {
		return err
	}
	for name, back := range map[string]*data.Samples{"F16": half, "U8": bytes, "PNG": b.clipped(s)} {
		score, err := b.Score("ntk:1", back)
		if err != nil {
			return err
		}
		sum[name] += 100 * score.Accuracy
	}
	return nil
}

// clipped rounds to the pixels 0 to 255 of a picture.
func (b *bench) clipped(s *data.Samples) *data.Samples {
	out := *s
	out.X = append([]float32(nil), s.X...)
	for i := range out.Len() {
		row := out.Row(i)
		b.Task.Restore(row)
		for j, v := range row {
			row[j] = float32(math.Round(255*math.Min(math.Max(float64(v), 0), 1))) / 255
		}
		b.Task.Standardize(row)
	}
	return &out
}
