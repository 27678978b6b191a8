package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/kernel"
)

// copies is a method that publishes changed copies of samples, and says that they are
// averages of ten.
type copies struct {
	name   string
	change func(image []float32, s data.Shape) []float32
	label  bool // of another class
}

func (copies) Name() string                                     { return "copies" }
func (copies) Version() int                                     { return 1 }
func (copies) Summary() string                                  { return "changed copies" }
func (copies) Settings() map[string]string                      { return map[string]string{} }
func (c copies) With(map[string]string) (distill.Method, error) { return c, nil }
func (copies) Outline(req distill.Request) (distill.Outline, error) {
	return distill.Outline{Formation: req.StoredAs(max(1, req.Formation))}, nil
}

// Distill copies the first samples of each class.
func (c copies) Distill(_ context.Context, req distill.Request) (*distill.Result, error) {
	rng := rand.New(rand.NewPCG(1, 2))
	f := req.StoredAs(max(1, req.Formation))
	var at []int
	held := req.Samples.Held()
	of := req.Samples.ByClass()
	for _, class := range held {
		from := class
		if c.label {
			from = held[(slices.Index(held, class)+1)%len(held)]
		}
		for range req.IPC * f.Tiles() {
			at = append(at, of[from][rng.IntN(len(of[from]))])
		}
	}
	images := req.Samples.Subset(at)
	for i := range at {
		copy(images.Row(i), c.change(slices.Clone(images.Row(i)), images.Shape))
		images.Y[i] = held[i/(req.IPC*f.Tiles())]
	}
	images, err := f.Pack(f.Down(images))
	return &distill.Result{Images: images, Formation: f, SmallestGroup: 1}, err
}

// affine resamples an image; turned, scaled, mirrored, moved by pixels.
func affine(a, b, c, d, x, y float32) func([]float32, data.Shape) []float32 {
	return func(image []float32, s data.Shape) []float32 {
		if s.IsTable() {
			return image
		}
		out := make([]float32, len(image))
		p := kernel.NewPool(1)
		defer p.Close()
		kernel.NewWarp(kernel.Sampling{N: 1, C: s.C, H: s.H, W: s.W, P: s.H, Q: s.W, Border: true}).
			Run(p, image, []float32{a, b, 2 * x / float32(s.W), c, d, 2 * y / float32(s.H)}, out)
		return out
	}
}

func scaled(contrast, brightness float32) func([]float32, data.Shape) []float32 {
	return func(image []float32, _ data.Shape) []float32 {
		for i := range image {
			image[i] = contrast*image[i] + brightness
		}
		return image
	}
}

func both(f, g func([]float32, data.Shape) []float32) func([]float32, data.Shape) []float32 {
	return func(x []float32, s data.Shape) []float32 { return g(f(x, s), s) }
}

// form is how copies are written.
type form struct {
	pixels    artifact.PixelType
	formation int
}

// forms are those that images of a task can be written in.
func forms(s data.Shape) []form {
	out := []form{{artifact.U8, 1}, {artifact.U4, 1}}
	if s.IsTable() {
		return out
	}
	out = append(out, form{artifact.U4, 2})
	codes := []artifact.PixelType{"DCT:64:3:0", "DCT:100:3:0", "DCT:144:2:0"}
	if s.C == 3 {
		codes = []artifact.PixelType{"DCT:300:4:0", "DCT:600:3:0"}
	}
	for _, code := range codes {
		out = append(out, form{code, 1})
	}
	return out
}

// attacks are the changed copies.
func attacks() []copies {
	same := func(x []float32, _ data.Shape) []float32 { return x }
	return []copies{
		{"another label", same, true},
		{"moved by a pixel", affine(1, 0, 0, 1, 1, 0), false},
		{"moved by 2, 1 pixels", affine(1, 0, 0, 1, 2, 1), false},
		{"moved by 0.5, 1.5 pixels", affine(1, 0, 0, 1, .5, 1.5), false},
		{"mirrored", affine(-1, 0, 0, 1, 0, 0), false},
		{"negated", scaled(-1, 0), false},
		{"contrast 0.3", scaled(.3, .2), false},
		{"contrast 0.1", scaled(.1, 0), false},
		{"contrast 2, another label", scaled(2, .5), true},
		{"mirrored, negated, moved", both(affine(-1, 0, 0, 1, 1, 0), scaled(-.5, .1)), false},
		{"turned by 0.1", affine(.995, .0998, -.0998, .995, 0, 0), false},
		{"turned by 0.2", affine(.98, .1987, -.1987, .98, 0, 0), false},
		{"larger by 6 %", affine(.943, 0, 0, .943, 0, 0), false},
	}
}

// hidden prints, for sets of 20 copies per class, the smallest ratio and how many images are not
// found by themselves.
func hidden(task *data.Task, local *data.Samples) error {
	all := forms(local.Shape)
	fmt.Printf("\n| 20 copies per class |")
	for _, f := range all {
		fmt.Printf(" %s, tiles %d |", f.pixels, f.formation)
	}
	fmt.Println()
	for _, a := range attacks() {
		fmt.Printf("| %s |", a.name)
		for _, f := range all {
			made, err := artifact.Make(context.Background(), artifact.Request{Task: task, Method: a, Pixels: f.pixels,
				Request: distill.Request{Samples: local, IPC: 20, Formation: f.formation, Augment: task.Augmentation()}})
			if err != nil {
				return err
			}
			d := made.Disclosure
			if d.Changed == nil {
				fmt.Printf(" plain %.2f |", slices.Min(d.Ratio))
				continue
			}
			missed := 0
			for _, r := range d.Changed {
				if r >= distill.ChangedThreshold {
					missed++
				}
			}
			fmt.Printf(" %.2f; %.0f %% |", slices.Min(d.Changed), 100*float64(missed)/float64(len(d.Changed)))
		}
		fmt.Println()
	}
	return nil
}
