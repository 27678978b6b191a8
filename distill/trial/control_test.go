package trial

import (
	"errors"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/train/data"
)

// two are the parts of two clients, the even and the odd samples, of which they store so many images per
// class.
func two(s *data.Samples, ipc int) []Part {
	parts := []Part{{Seed: 5, IPC: ipc}, {Seed: 6, IPC: ipc}}
	for i := range s.Len() {
		parts[i%2].Index = append(parts[i%2].Index, i)
	}
	return parts
}

func TestControlsDrawAsManyAsTheSetsHold(t *testing.T) {
	all := samples(30)
	for name, c := range map[string]struct {
		control Control
		images  int // of two parts, three classes, two stored images each
	}{
		"plain images":       {Control{}, 12},
		"sub-images":         {Control{Formation: data.NewFormation(2), Pixels: artifact.U8}, 48},
		"single sub-images":  {Control{Formation: data.NewFormation(2).SingleTile(), Pixels: artifact.U4}, 12},
		"plain, of a method": {Control{Formation: data.NewFormation(2), Pixels: artifact.U8}.Plain(), 12},
	} {
		got, err := c.control.Draw(t.Context(), PoolOf(all), two(all, 2)...)
		if err != nil {
			t.Fatal(err)
		}
		if got.Len() != c.images || got.Shape != shape {
			t.Errorf("%s: %d of %v", name, got.Len(), got.Shape)
		}
		for class, members := range got.ByClass() {
			if len(members) != c.images/3 {
				t.Errorf("%s: %d of class %d", name, len(members), class)
			}
		}
		again, err := c.control.Draw(t.Context(), PoolOf(all), two(all, 2)...)
		if err != nil || !slices.Equal(got.X, again.X) {
			t.Errorf("%s: the same seeds draw otherwise, %v", name, err)
		}
		parts := two(all, 2)
		parts[0].Seed++
		other, err := c.control.Draw(t.Context(), PoolOf(all), parts...)
		if err != nil || slices.Equal(got.X, other.X) {
			t.Errorf("%s: another seed draws the same, %v", name, err)
		}
	}
}

// What is drawn by labels alone are the images that the method random publishes.
func TestControlsDrawWhatTheMethodRandomWould(t *testing.T) {
	all := samples(30)
	parts := two(all, 2)
	for _, factor := range []int{1, 2} {
		c := Control{Formation: data.NewFormation(factor), Pixels: artifact.U8}
		var batches []*data.Samples
		for _, p := range parts {
			r, err := coreset.Random{}.Distill(t.Context(), distill.Request{Samples: all.Subset(p.Index), IPC: p.IPC,
				Seed:      p.Seed,
				Formation: factor})
			if err != nil {
				t.Fatal(err)
			}
			rounded, err := artifact.RoundTrip(r.Images, artifact.U8)
			if err != nil {
				t.Fatal(err)
			}
			batches = append(batches, r.Formation.Decode(rounded))
		}
		want, err := data.Merge(batches...)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Draw(t.Context(), PoolOf(all), parts...)
		if err != nil || !slices.Equal(got.X, want.X) || !slices.Equal(got.Y, want.Y) {
			t.Errorf("formation %d: other images, %v", factor, err)
		}
	}
}

func TestDrawsThatCannotBeAreRefused(t *testing.T) {
	all := samples(3)
	if _, err := (Control{}).Draw(t.Context(), PoolOf(all), two(all, 2)...); !errors.Is(err, distill.ErrTooFew) {
		t.Errorf("too few samples: %v", err)
	}
	if _, err := (Control{Labels: "1"}).Draw(t.Context(), PoolOf(all), two(all, 1)...); !errors.Is(err, ErrLearned) {
		t.Errorf("learned labels: %v", err)
	}
	missing := errors.New("no file")
	pool := Pool{all.Y, all.Classes, func([]int) (*data.Samples, error) { return nil, missing }}
	if _, err := (Control{}).Draw(t.Context(), pool, two(all, 1)...); !errors.Is(err, missing) {
		t.Errorf("samples that cannot be loaded: %v", err)
	}
}

func TestControlsSolveLabelsWhereTheMethodLearnsThem(t *testing.T) {
	for name, c := range map[string]struct {
		control      Control
		method, want string // the setting labels
	}{
		"classes":           {Control{}, "random", ""},
		"learned":           {Control{Labels: "2"}, "label-solve", "solved"},
		"learned somewhere": {Control{Labels: "2", Some: true}, "label-solve", "auto"},
	} {
		m, err := c.control.Method()
		if err != nil {
			t.Fatal(err)
		}
		s := m.Settings()
		if m.Name() != c.method || s["labels"] != c.want || c.want != "" && (s["depth"] != "2" || s["start"] != "random") {
			t.Errorf("%s: %s with %v", name, m.Name(), s)
		}
	}
	if m, err := (Control{Labels: "deep"}).Method(); err == nil {
		t.Errorf("a depth that is none makes %v", m)
	}
}
