package exchange

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/torch"
)

var (
	digits = data.WellKnownTask("mnist")
	colors = data.WellKnownTask("cifar-10")
	small  = data.Task{Name: "two", Classes: []string{"cat", "dog"}, Shape: data.Shape{C: 1, H: 2, W: 3},
		Mean: []float64{.5}, Std: []float64{.25}}.Filled()
)

// given is a method whose result is there already.
type given struct {
	distill.Method
	result distill.Result
}

func (g given) Outline(distill.Request) (distill.Outline, error) {
	return distill.Outline{Formation: g.result.Formation.OrDefault(), Real: true}, nil
}

func (g given) Distill(context.Context, distill.Request) (*distill.Result, error) {
	return &g.result, nil
}

// noise is samples of a task in task space, so many of each class.
func noise(task *data.Task, each int) *data.Samples {
	rng := rand.New(rand.NewPCG(3, 4))
	s := &data.Samples{Shape: task.Shape, Classes: len(task.Classes)}
	for class := range task.Classes {
		for range each {
			s.Y = append(s.Y, class)
			for range task.Shape.Size() {
				s.X = append(s.X, float32(rng.NormFloat64()))
			}
		}
	}
	return s
}

// photos are samples of a task whose pixels have 8 bits.
func photos(task *data.Task, each int) *data.Samples {
	s := noise(task, each)
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range s.X {
		s.X[i] = float32(rng.IntN(256)) / 255
	}
	for i := range s.Len() {
		task.Standardize(s.Row(i))
	}
	return s
}

// soften gives samples rows of labels, probabilities or others.
func soften(s *data.Samples, probabilities bool) *data.Samples {
	rng := rand.New(rand.NewPCG(7, 8))
	s.Soft = make([]float32, s.Len()*s.Classes)
	for i := range s.Soft {
		s.Soft[i] = float32(rng.NormFloat64()) / 4
	}
	for i, y := range s.Y {
		s.Soft[i*s.Classes+y] += 3
	}
	if probabilities {
		softmax(s.Soft, s.Classes)
		clear(s.Soft[:s.Classes])
		s.Soft[0] = 1 // one image is sure of its class, so that others have probability 0
	}
	return s
}

// setOf is a set of this program with these images.
func setOf(t testing.TB, task *data.Task, s *data.Samples, pixels artifact.PixelType, f data.Formation) *artifact.Set {
	t.Helper()
	local := noise(task, 4)
	made, err := artifact.Make(context.Background(), artifact.Request{
		Request: distill.Request{Samples: local, IPC: 2}, Task: task, Pixels: pixels,
		Method: given{coreset.Random{}, distill.Result{Images: s, Formation: f}}})
	if err != nil {
		t.Fatal(err)
	}
	return &made.Set
}

func write(t testing.TB, set *artifact.Set, task *data.Task, opt ExportOptions) *Exported {
	t.Helper()
	out, err := Write(filepath.Join(t.TempDir(), "out"), set, task, opt)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func read(t testing.TB, path string, task *data.Task, opt Options) *Foreign {
	t.Helper()
	out, err := Read(path, task, opt)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// checkSame compares samples bit for bit.
func checkSame(t *testing.T, got, want *data.Samples) {
	t.Helper()
	bits := func(x []float32) (out []uint32) {
		for _, v := range x {
			out = append(out, math.Float32bits(v))
		}
		return out
	}
	switch {
	case got.Shape != want.Shape || got.Classes != want.Classes:
		t.Errorf("samples of %v in %d classes, want %v in %d", got.Shape, got.Classes, want.Shape, want.Classes)
	case !slices.Equal(got.Y, want.Y):
		t.Errorf("labels %v, want %v", got.Y, want.Y)
	case !slices.Equal(bits(got.X), bits(want.X)):
		t.Error("images have other bits")
	case (got.Soft == nil) != (want.Soft == nil) || !slices.Equal(bits(got.Soft), bits(want.Soft)):
		t.Error("soft labels have other bits")
	}
}

// codes lists the notes of a level.
func codes(notes []files.Note, level string) (out []string) {
	for _, n := range notes {
		if n.Level == level {
			out = append(out, n.Code)
		}
	}
	return out
}

// checkRefused compares an error with its cause, and asks for a hint and a path.
func checkRefused(t *testing.T, err, cause error, part string) {
	t.Helper()
	var place *files.Error
	if !errors.Is(err, cause) || !errors.As(err, &place) {
		t.Errorf("%v, want %v", err, cause)
		return
	}
	if !strings.Contains(err.Error()+place.Hint, part) || place.Hint == "" || place.Path == "" {
		t.Errorf("%v (%s) at %q, want it to tell of %q", err, place.Hint, place.Path, part)
	}
}

// fileOf writes content to a file of its own.
func fileOf(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// tensorOf is a PyTorch file of float32.
func tensorOf(t testing.TB, dims []int, x []float32) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := torch.Write(&out, "images", torch.Tensor{Dims: dims, DType: "<f4", Data: floats(x)}, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// numbersOf is a PyTorch file of int64.
func numbersOf(t testing.TB, values ...byte) []byte {
	t.Helper()
	var content []byte
	for _, v := range values {
		content = append(content, v, 0, 0, 0, 0, 0, 0, 0)
	}
	var out bytes.Buffer
	x := torch.Tensor{Dims: []int{len(values)}, DType: "<i8", Data: content}
	if err := torch.Write(&out, "labels", x, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
