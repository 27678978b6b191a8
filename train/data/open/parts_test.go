package open

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
)

// Whatever the rule, the labels and the number of clients: every part is there,
// a part hands out the samples it holds and no others, and no sample is handed out
// twice. Every sample is handed out, but those of classes without a holder.
func TestPartsNeverShareOrInventSamples(t *testing.T) {
	empty := 0
	for trial := range uint64(300) {
		rng := rand.New(rand.NewPCG(trial, 0))
		classes, n := 2+rng.IntN(9), rng.IntN(60)
		labels := make([]int, n)
		for i := range labels {
			labels[i] = rng.IntN(1 + rng.IntN(classes)) // some classes are rare, some absent
		}
		rules := []data.Split{{Kind: data.Ring, PerClient: 1 + rng.IntN(classes)}, {Kind: data.IID},
			{Kind: data.Dirichlet, Alpha: []float64{data.MinAlpha, .01, .3, 5}[trial%4]}}
		for _, s := range rules {
			s.Clients, s.Seed = 1+rng.IntN(2*n+5), trial
			parts, err := s.Parts(labels, classes)
			if err != nil {
				t.Fatal(err)
			}
			if len(parts) != s.Clients {
				t.Fatalf("%s: %d parts for %d clients", s, len(parts), s.Clients)
			}
			handed := make([]int, n)
			for i, part := range parts {
				if part == nil {
					t.Fatalf("%s of %d samples: part %d of %d is nil", s, n, i, s.Clients)
				}
				if len(part) == 0 {
					empty++
				}
				if !slices.IsSorted(part) {
					t.Errorf("%s: part %d is not ascending", s, i)
				}
				for _, j := range part {
					handed[j]++
				}
			}
			for j, times := range handed {
				if want := holders(s, labels[j], classes); times != want {
					t.Errorf("%s of %d samples to %d clients: sample %d of class %d handed out %d times, want %d", s, n, s.Clients,
						j, labels[j], times, want)
				}
			}
			checkLoaded(t, s, labels, classes, parts)
		}
	}
	if empty < 100 {
		t.Errorf("only %d empty parts among the trials", empty)
	}
}

// holders is how often a sample of a class is handed out: once, or never when the
// ring has no holder of its class.
func holders(s data.Split, class, classes int) int {
	if s.Kind != data.Ring {
		return 1
	}
	for client := range s.Clients {
		for k := range s.PerClient {
			if (client+k)%classes == class {
				return 1
			}
		}
	}
	return 0
}

// checkLoaded loads every part of samples whose value is their number.
func checkLoaded(t *testing.T, s data.Split, labels []int, classes int, parts [][]int) {
	t.Helper()
	task := &data.Task{Version: data.TaskVersion, Name: "numbers", Classes: make([]string, classes),
		Shape: data.Shape{C: 1, H: 1, W: 1},
		Mean:  []float64{0}, Std: []float64{1}}
	values := make([]float32, len(labels))
	for i := range values {
		values[i] = float32(i)
	}
	src, err := data.NewFloats(task.Shape, values, labels)
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range parts {
		got, err := data.Load(task, src, part)
		if len(part) == 0 {
			if !errors.Is(err, data.ErrNoSamples) {
				t.Errorf("%s: empty part %d loads as %v, %v", s, i, got, err)
			}
			if _, err := data.LoadAll(task, data.Pick(src, part)); !errors.Is(err, data.ErrNoSamples) {
				t.Errorf("%s: all of empty part %d: %v", s, i, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for j, v := range got.X {
			if int(v) != part[j] || got.Y[j] != labels[part[j]] {
				t.Errorf("%s: part %d loads sample %g of class %d, holds %d of class %d", s, i, v, got.Y[j], part[j],
					labels[part[j]])
			}
		}
	}
}

func TestLoadAllReadsEverySample(t *testing.T) {
	task := &data.Task{Version: data.TaskVersion, Name: "two", Classes: []string{"a", "b"},
		Shape: data.Shape{C: 1, H: 1, W: 1},
		Mean:  []float64{0}, Std: []float64{1}}
	src, err := data.NewFloats(task.Shape, []float32{3, 4, 5}, []int{0, 1, 0})
	if err != nil {
		t.Fatal(err)
	}
	got, err := data.LoadAll(task, src)
	if err != nil || !slices.Equal(got.X, []float32{3, 4, 5}) || !slices.Equal(got.Y, []int{0, 1, 0}) {
		t.Errorf("loaded %v, %v", got, err)
	}
	if _, err := data.Load(task, src, nil); !errors.Is(err, data.ErrNoSamples) {
		t.Errorf("a nil list: %v, want %v", err, data.ErrNoSamples)
	}
}
