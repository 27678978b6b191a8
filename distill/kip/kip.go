// Package kip distills by kernel inducing points: images, and by default their
// labels, learned so that kernel regression on them predicts the local samples
// (Nguyen et al. 2021), with the closed-form gradient of train/ntk.
package kip

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/ntk"
)

// KIP learns images for the NTK predictor of its depth (edge-distillers 1.2 to
// 1.5). Each step predicts a fresh class-balanced batch of local samples from
// the images and moves images and labels by Adam.
type KIP struct {
	Depth int // hidden layers of the kernel
	// Steps of Adam. 0: by images per class, 1000 at 1, fewer for more; a fifth of
	// that where the samples lack classes of the task.
	Steps int
	// LR is Adam's learning rate. 0: 0.02 for grey images and tables, 0.04 for
	// color.
	LR float64
	// Targets is the largest number of samples predicted in a step, shared
	// equally by the held classes, at least one each; a class that has fewer
	// contributes all.
	Targets int
	// Labels is Learned, Fixed or Auto: learned where the samples hold every
	// class of the task. A device with few classes would learn to separate these
	// and nothing about the others, and its set would spoil a merged one: ten clients of two MNIST classes, an
	// image each, give the predictor 54 % with learned labels and 1000 steps, 65 % with fixed ones, 74 % with
	// 200 steps (go run ./test/kip -clients).
	Labels string
	Start  string // Centroids, Noise or Real
	Lambda float64
	// Official is "true" for the loop of FedD3's official code (fedd3 1.3): stop
	// at the first batch that is predicted without a mistake, standardize the
	// client's data a second time and not undo it, count Adam's steps from one
	// too many.
	Official string
}

// Where images start.
const (
	Centroids = "centroids" // k-means centers of at least ten samples each
	Noise     = "noise"     // standard normal
	Real      = "real"      // real samples: the set then says smallest_group 1
)

// How labels are treated.
const (
	Learned = "learned" // by the same Adam; published as soft rows
	Fixed   = "fixed"   // centered one-hot; published as classes
	Auto    = "auto"    // Learned with all classes at hand, else Fixed
)

// Default is KIP as measured in edge-distillers 3.1, but started from
// centroids, so that no image is a single real sample at first.
func Default() KIP {
	return KIP{Depth: 1, Targets: 2000, Labels: Auto, Start: Centroids, Lambda: ntk.Lambda, Official: "false"}
}

// Official is the client of FedD3's official code with its README's values
// (fedd3 1.2 and 1.3). It starts from real samples and may stop after a few
// steps: what it publishes is close to raw data.
func Official() KIP {
	return KIP{Depth: 4, Steps: 3000, LR: 0.004, Targets: 10, Labels: Fixed, Start: Real, Lambda: ntk.Lambda,
		Official: "true"}
}

// Name implements distill.Method.
func (KIP) Name() string { return "kip" }

// Version implements distill.Method.
func (KIP) Version() int { return 1 }

// Summary implements distill.Method.
func (KIP) Summary() string {
	return "kernel inducing points: images and labels learned for the NTK predictor (ntk:DEPTH); poor in other networks"
}

// options are the settings and their ranges.
func (k *KIP) options() distill.Options {
	return distill.Options{
		distill.Int("depth", &k.Depth, 1, ntk.MaxDepth),
		distill.Auto(distill.Int("steps", &k.Steps, 0, 10_000_000)),
		distill.Auto(distill.Float("lr", &k.LR, 0, 100)),
		distill.Int("targets", &k.Targets, 1, 1_000_000),
		distill.Choice("labels", &k.Labels, Auto, Learned, Fixed),
		distill.Choice("start", &k.Start, Centroids, Noise, Real),
		distill.Float("lambda", &k.Lambda, 1e-12, 1e3),
		distill.Choice("official", &k.Official, "false", "true"),
	}
}

// Settings implements distill.Method.
func (k KIP) Settings() map[string]string { return k.options().Settings() }

// With implements distill.Method. official=true stands for all the settings of
// Official; others given beside it replace them.
func (k KIP) With(settings map[string]string) (distill.Method, error) {
	if settings["official"] == "true" && !k.official() {
		k = Official()
	}
	err := k.options().Set(k.Name(), settings)
	return k, err
}

func (k KIP) official() bool { return k.Official == "true" }

// resolved fills in what depends on the request.
func (k KIP) resolved(s *data.Samples, ipc int) KIP {
	color, whole := s.Shape.C >= 3, len(s.Held()) == s.Classes
	if k.Steps == 0 {
		k.Steps = defaultSteps(color, ipc)
		if !whole {
			k.Steps = (k.Steps + partialShare - 1) / partialShare
		}
	}
	if k.Labels == Auto {
		k.Labels = Learned
		if !whole {
			k.Labels = Fixed
		}
	}
	if k.LR == 0 {
		k.LR = 0.02
		if color {
			k.LR = 0.04
		}
	}
	return k
}

// partialShare divides the default steps where classes are missing.
const partialShare = 5

// defaultSteps is 1000, 600, 250 steps at 1, 10, 50 images per class, for color
// 1000, 500, 150 (edge-distillers 3.1); between these straight over the
// logarithm of the count, and constant beyond.
func defaultSteps(color bool, ipc int) int {
	at, steps := []float64{1, 10, 50}, []float64{1000, 600, 250}
	if color {
		steps = []float64{1000, 500, 150}
	}
	for i := 1; i < len(at); i++ {
		if x := float64(ipc); x <= at[i] {
			f := math.Log(x/at[i-1]) / math.Log(at[i]/at[i-1])
			return int(math.Round(steps[i-1] + f*(steps[i]-steps[i-1])))
		}
	}
	return int(steps[len(steps)-1])
}

// checkpointEvery is the number of steps between two states.
const checkpointEvery = 100

// reportEvery is the number of steps between two reports.
const reportEvery = 10

// Outline implements distill.Method.
func (k KIP) Outline(req distill.Request) (distill.Outline, error) {
	f, err := req.Plain()
	return distill.Outline{Formation: f, Consumer: "ntk:" + strconv.Itoa(k.Depth),
		Soft: k.resolved(req.Samples, req.IPC).Labels == Learned, Grouped: k.Start == Real}, err
}

// Distill implements distill.Method.
func (k KIP) Distill(ctx context.Context, req distill.Request) (*distill.Result, error) {
	if err := req.Check(); err != nil {
		return nil, err
	}
	outline, err := k.Outline(req)
	if err != nil {
		return nil, err
	}
	if err := k.checkOfficial(req); err != nil {
		return nil, err
	}
	if k.official() {
		req.Samples = standardized(req.Samples)
	}
	r, err := newRun(ctx, k.resolved(req.Samples, req.IPC), req)
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := r.all(ctx); err != nil {
		return nil, err
	}
	out := &distill.Result{Images: r.result(), Consumer: outline.Consumer}
	if k.Start == Real {
		// Noise can hide a sample from the distance that nearest_real measures.
		out.SmallestGroup = 1
	}
	return out, nil
}

// checkOfficial refuses a number of targets that the official code cannot divide evenly.
func (k KIP) checkOfficial(req distill.Request) error {
	if held := len(req.Samples.Held()); k.official() && k.Targets%held != 0 {
		return fmt.Errorf("%w: targets is %d, with official=true want a multiple of the %d classes held", distill.ErrOption,
			k.Targets, held)
	}
	return nil
}

// standardized is a copy with mean 0 and deviation 1 in every channel, over
// these samples: the official code's second normalization, which it never
// undoes.
func standardized(s *data.Samples) *data.Samples {
	out := *s
	out.X = append([]float32(nil), s.X...)
	size, plane := s.Shape.Size(), s.Shape.H*s.Shape.W
	for c := range s.Shape.C {
		var sum, squares float64
		each := func(f func(v *float32)) {
			for i := range s.Len() {
				at := i*size + c*plane
				for j := range plane {
					f(&out.X[at+j])
				}
			}
		}
		each(func(v *float32) { sum += float64(*v); squares += float64(*v) * float64(*v) })
		n := float64(s.Len() * plane)
		mean := sum / n
		std := math.Sqrt(math.Max(squares/n-mean*mean, 1e-12))
		each(func(v *float32) { *v = float32((float64(*v) - mean) / std) })
	}
	return &out
}
