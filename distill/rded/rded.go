// Package rded keeps the crops of real images that a network is surest of (RDED, Sun et al.
// 2024), for trainings in which such a network labels every batch.
package rded

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/tiling"
	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// Method trains a network on the samples, cuts a number of crops of random samples of each class, keeps
// of each sample the crop whose class the network gives the largest probability, and of these
// the IPC largest. A crop is a part of the image, from Least to all of its area, enlarged to its
// size. It publishes raw data. Cost: a training, and a prediction of Pool x Crops images of each
// class.
type Method struct {
	Width int     // of the ConvNetD3 that judges
	Steps int     // of its training
	Pool  int     // samples of a class to cut from
	Crops int     // of each of them
	Least float64 // share of the area
}

// Default cuts five crops of at least half an image from 300 samples of each class.
func Default() Method { return Method{Width: 32, Steps: 500, Pool: 300, Crops: 5, Least: 0.5} }

// Name implements distill.Method.
func (Method) Name() string { return "rded" }

// Version implements distill.Method.
func (Method) Version() int { return 1 }

// Summary implements distill.Method.
func (Method) Summary() string {
	return "crops of real images that a network is surest of, for labels by a teacher (publishes raw data)"
}

func (m *Method) options() distill.Options {
	return distill.Options{distill.Int("width", &m.Width, 1, 1024), distill.Int("steps", &m.Steps, 1, 1e6),
		distill.Int("pool", &m.Pool, 1, 1e6), distill.Int("crops", &m.Crops, 1, 1000),
		distill.Float("least", &m.Least, 0.01, 1)}
}

// Settings implements distill.Method.
func (m Method) Settings() map[string]string { return m.options().Settings() }

// With implements distill.Method.
func (m Method) With(settings map[string]string) (distill.Method, error) {
	err := m.options().Set(m.Name(), settings)
	return m, err
}

// Outline implements distill.Method. It fails with nn.ErrShape on tables and small images.
func (m Method) Outline(req distill.Request) (distill.Outline, error) {
	f, err := req.Plain()
	if err != nil {
		return distill.Outline{}, err
	}
	if _, err := tiling.Network(req.Samples, m.Width); err != nil {
		return distill.Outline{}, err
	}
	return distill.Outline{Formation: f, Natural: true, Real: true, InRange: true, Grouped: true, OnEngine: true}, nil
}

// Distill implements distill.Method.
func (m Method) Distill(ctx context.Context, req distill.Request) (*distill.Result, error) {
	if err := req.Check(); err != nil {
		return nil, err
	}
	f, err := req.Plain()
	if err != nil {
		return nil, err
	}
	net, err := tiling.Network(req.Samples, m.Width)
	if err != nil {
		return nil, err
	}
	total := m.Steps + len(req.Samples.Held())
	r := recipe.Recipe{Optimizer: recipe.Adam, LR: 1e-3, Schedule: recipe.Cosine, Batch: 50, MinSteps: m.Steps,
		MaxSteps: m.Steps}
	judge, err := train.Fit(ctx, net, req.Samples, r, train.Options{Seed: req.Seed, Device: req.Device, HookEvery: 10,
		Hook: func(p train.Progress) error {
			req.Report(distill.Progress{Done: p.Step, Total: total, Loss: p.Loss})
			return ctx.Err()
		}})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	out := &data.Samples{Shape: req.Samples.Shape, Classes: req.Samples.Classes}
	members := req.Samples.ByClass()
	for i, class := range req.Samples.Held() {
		best, err := m.surest(ctx, judge, req, class, members[class])
		if err != nil {
			return nil, err
		}
		for _, c := range best {
			out.X, out.Y = append(out.X, c.image...), append(out.Y, class)
		}
		req.Report(distill.Progress{Done: m.Steps + i + 1, Total: total, Loss: math.NaN()})
	}
	return &distill.Result{Images: out, Formation: f, SmallestGroup: 1}, ctx.Err()
}

// crop is one of an image, and the logarithm of the probability of its class.
type crop struct {
	image []float32
	score float64
}

// surest are the best crops of a class.
func (m Method) surest(ctx context.Context, judge *train.Model, req distill.Request, class int, members []int) ([]crop,
	error) {
	rng := data.Stream(req.Seed, "rded", uint64(class))
	pool := rng.Perm(len(members))[:min(len(members), max(m.Pool, req.IPC))]
	s := &data.Samples{Shape: req.Samples.Shape, Classes: req.Samples.Classes}
	for _, at := range pool {
		for range m.Crops {
			s.X = append(s.X, m.cut(rng, req.Samples.Row(members[at]), s.Shape)...)
			s.Y = append(s.Y, class)
		}
	}
	logits, err := judge.Logits(ctx, s)
	if err != nil {
		return nil, err
	}
	var best []crop
	for at := range pool {
		one := crop{score: math.Inf(-1)}
		for i := at * m.Crops; i < (at+1)*m.Crops; i++ {
			if score := logProbability(logits[i*s.Classes:(i+1)*s.Classes], class); score > one.score || one.image == nil {
				one = crop{s.Row(i), score}
			}
		}
		best = append(best, one)
	}
	slices.SortStableFunc(best, func(a, b crop) int { return cmp.Compare(b.score, a.score) })
	return best[:req.IPC], nil
}

// logProbability is the logarithm of the softmax of a class.
func logProbability(logits []float32, class int) float64 {
	most, sum := math.Inf(-1), 0.0
	for _, v := range logits {
		most = max(most, float64(v))
	}
	for _, v := range logits {
		sum += math.Exp(float64(v) - most)
	}
	return float64(logits[class]) - most - math.Log(sum)
}

// cut is a random crop of an image with its proportions, enlarged bilinearly, corner to corner.
func (m Method) cut(rng *rand.Rand, image []float32, s data.Shape) []float32 {
	side := math.Sqrt(m.Least + (1-m.Least)*rng.Float64())
	h, w := side*float64(s.H-1), side*float64(s.W-1)
	top, left := rng.Float64()*(float64(s.H-1)-h), rng.Float64()*(float64(s.W-1)-w)
	out := make([]float32, len(image))
	for y := range s.H {
		row, down := place(top+h*float64(y)/float64(s.H-1), s.H)
		for x := range s.W {
			column, right := place(left+w*float64(x)/float64(s.W-1), s.W)
			for c := range s.C {
				p := image[c*s.H*s.W:]
				upper := p[row*s.W+column] + right*(p[row*s.W+column+1]-p[row*s.W+column])
				lower := p[(row+1)*s.W+column] + right*(p[(row+1)*s.W+column+1]-p[(row+1)*s.W+column])
				out[(c*s.H+y)*s.W+x] = upper + down*(lower-upper)
			}
		}
	}
	return out
}

// place is the pixel before a position along a side, which has one after it, and the distance from it.
func place(at float64, side int) (int, float32) {
	first := min(int(at), side-2)
	return first, float32(at - float64(first))
}
