package match

import (
	"bytes"
	"context"
	"errors"
	"github.com/distillmesh/distillmesh/train/spectrum"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/distill/tiling"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/open"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/nn"
)

// client is the part of MNIST, or of the built-in digits where that is not
// here, of the first of ten devices with two classes each.
func client(t testing.TB) *data.Samples {
	t.Helper()
	path := filepath.Join(os.Getenv("DISTILLMESH_DATA"), "mnist")
	if os.Getenv("DISTILLMESH_DATA") == "" {
		path = data.GlyphPath
	}
	ds, err := open.Path(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := data.Split{Kind: data.Ring, Clients: 10, PerClient: 2}.Parts(ds.Train.Labels(), len(ds.Task.Classes))
	if err != nil {
		t.Fatal(err)
	}
	s, err := data.Load(ds.Task, ds.Train, parts[0])
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func BenchmarkDMIteration(b *testing.B) {
	local := client(b)
	for _, workers := range []int{1, 2} {
		b.Run(map[int]string{1: "workers=1", 2: "workers=2"}[workers], func(b *testing.B) {
			r := startedOn(b, workers, DefaultDM(), local)
			b.ReportAllocs()
			for b.Loop() {
				if err := r.iterate(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// digits are n built-in digits of each of two classes.
func digits(t testing.TB, n int) *data.Samples {
	t.Helper()
	ds, err := open.Path(data.GlyphPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	var index []int
	count := map[int]int{}
	for i, y := range ds.Train.Labels() {
		if y < 2 && count[y] < n {
			index, count[y] = append(index, i), count[y]+1
		}
	}
	s, err := data.Load(ds.Task, ds.Train, index)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var small = func() *data.Samples {
	return distilltest.Samples(data.Shape{C: 1, H: 8, W: 8}, 4, []int{1, 3}, 40)
}

func quick() DM {
	m := DefaultDM()
	m.Iterations, m.Batch, m.Width = 12, 20, distilltest.Fewer(4, m.Width)
	return m
}

func TestResumedRunsGiveTheSameBits(t *testing.T) {
	local, m := small(), quick()
	whole, err := m.Distill(context.Background(), distill.Request{Samples: local, IPC: 1, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	var kept []byte
	ctx, cancel := context.WithCancel(context.Background())
	_, err = m.Distill(ctx, distill.Request{Samples: local, IPC: 1, Seed: 3,
		Progress:   func(p distill.Progress) { map[bool]func(){true: cancel, false: func() {}}[p.Done == 5]() },
		Checkpoint: func(state []byte) error { kept = bytes.Clone(state); return nil }})
	if !errors.Is(err, context.Canceled) || kept == nil {
		t.Fatalf("interrupted run: %v, state of %d bytes", err, len(kept))
	}
	first := 0
	rest, err := m.Distill(context.Background(), distill.Request{Samples: local, IPC: 1, Seed: 3, Resume: kept,
		Progress: func(p distill.Progress) {
			if first == 0 {
				first = p.Done
			}
		}})
	if err != nil || first != 6 || !slices.Equal(rest.Images.X, whole.Images.X) {
		t.Errorf("resumed at %d: other bits (%v)", first, err)
	}
	for name, req := range map[string]distill.Request{
		"another seed":    {Samples: local, IPC: 1, Seed: 4, Resume: kept},
		"another budget":  {Samples: local, IPC: 2, Seed: 3, Resume: kept},
		"other samples":   {Samples: local.Subset([]int{0, 1, 2, 3, 41, 42}), IPC: 1, Seed: 3, Resume: kept},
		"half a file":     {Samples: local, IPC: 1, Seed: 3, Resume: kept[:len(kept)/2]},
		"another setting": {Samples: local, IPC: 1, Seed: 3, Formation: 1, Resume: kept},
	} {
		if _, err := m.Distill(context.Background(), req); !errors.Is(err, checkpoint.ErrState) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWorkersDoNotChangeTheBits(t *testing.T) {
	var first []float32
	for _, workers := range []int{1, 2, 4} {
		r, err := quick().Distill(context.Background(), distill.Request{Samples: small(), IPC: 2,
			Device: device.Choice{Workers: workers}})
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = r.Images.X
		}
		if !slices.Equal(first, r.Images.X) {
			t.Errorf("other bits with %d workers", workers)
		}
	}
}

func TestMatchingLowersTheDistance(t *testing.T) {
	m := quick()
	m.Iterations, m.Start, m.Batch = distilltest.Fewer(36, 60), tiling.Noise, distilltest.Fewer(20, 60)
	local := digits(t, 40)
	var losses []float64
	r, err := m.Distill(context.Background(), distill.Request{Samples: local, IPC: 1,
		Progress: func(p distill.Progress) { losses = append(losses, p.Loss) }})
	if err != nil {
		t.Fatal(err)
	}
	mean := func(x []float64) (sum float64) {
		for _, v := range x {
			sum += v / float64(len(x))
		}
		return sum
	}
	if before, after := mean(losses[:10]), mean(losses[m.Iterations-10:]); !(after < 0.7*before) {
		t.Errorf("the distance goes from %v to %v", before, after)
	}
	if r.Recipe == nil || r.Recipe.Validate() != nil || r.Formation != data.NewFormation(2) || r.SmallestGroup != 0 {
		t.Errorf("recipe %+v, formation %+v, smallest group %d", r.Recipe, r.Formation, r.SmallestGroup)
	}
	if low, high := slices.Min(local.X), slices.Max(local.X); slices.Min(r.Images.X) < low ||
		slices.Max(r.Images.X) > high {
		t.Errorf("values outside the real range %v to %v", low, high)
	}
}

// The gradient that moves the tiles is that of the loss: enough along one
// random direction, since every operation has a check of its own.
func TestTheGradientOfTheTilesIsThatOfTheLoss(t *testing.T) {
	m := quick()
	m.Start = tiling.Centroids
	r := started(t, m, small())
	if err := r.pair.renew(5); err != nil {
		t.Fatal(err)
	}
	at := func() (float64, []float32) {
		data.Restart(&r.pcg, 1, "test")
		return r.matched(t, 0)
	}
	_, grad := at()
	direction, slope := make([]float32, 64), 0.0
	rng := data.Stream(2, "test")
	for i := range direction {
		direction[i] = float32(rng.NormFloat64())
		slope += float64(direction[i]) * float64(grad[i])
	}
	move := func(h float32) {
		for i, d := range direction {
			r.state.tiles[i] += h * d
		}
	}
	const h = 3e-3
	move(h)
	up, _ := at()
	move(-2 * h)
	down, _ := at()
	if want := (up - down) / (2 * h); math.Abs(slope-want) > 0.03*math.Abs(want)+1e-4 {
		t.Errorf("slope %v, want %v", slope, want)
	}
}

func TestStartsHoldNoRealSample(t *testing.T) {
	local := small()
	for _, c := range []struct {
		start string
		real  bool
	}{{tiling.Centroids, false}, {tiling.Noise, false}, {tiling.Real, true}} {
		m := quick()
		m.Start = c.start
		r := started(t, m, local)
		images, err := r.form.Images(r.state.tiles, r.labels(), nil, local.Classes)
		if err != nil {
			t.Fatal(err)
		}
		d, err := distill.Disclose(context.Background(), images, local, r.formation)
		if err != nil {
			t.Fatal(err)
		}
		if d.ContainsReal() != c.real {
			t.Errorf("%s: nearest_real %v", c.start, d.NearestReal())
		}
	}
}

// What matching sees of real images under ViewTile is what it sees of tiles of
// them under ViewWhole.
func TestRealImagesAreSeenAsTheirTiles(t *testing.T) {
	local := small()
	seen := func(view string, s *data.Samples) []float32 {
		m := quick()
		m.View = view
		r := started(t, m, s)
		data.Restart(&r.pcg, 1, "test")
		if err := errors.Join(r.pair.renew(5), r.pair.look(r.rng, s, r.members[1], r.Batch)); err != nil {
			t.Fatal(err)
		}
		return get(t, r.pair.targets[0])
	}
	form := data.NewFormation(2).SingleTile()
	tiles := form.Decode(form.Down(local))
	want := seen(tiling.ViewWhole, tiles)
	if got := seen(tiling.ViewTile, local); !slices.Equal(got, want) {
		t.Error("a view of real images differs from their tiles, decoded")
	}
	if slices.Equal(seen(tiling.ViewWhole, local), want) {
		t.Error("whole images are seen as tiles")
	}
	for view, coarse := range map[string]int{tiling.ViewTile: 2, tiling.ViewWhole: 0} {
		m := quick()
		m.View = view
		r, err := m.Distill(t.Context(), distill.Request{Samples: local, IPC: 1})
		if err != nil || r.Recipe.Coarse != coarse {
			t.Errorf("view %s recommends %+v (%v)", view, r.Recipe, err)
		}
	}
	m := quick()
	m.View = tiling.ViewTile
	if r, err := m.Distill(t.Context(), distill.Request{Samples: local, IPC: 1,
		Formation: 1}); err != nil || r.Recipe.Coarse != 0 {
		t.Errorf("plain images recommend %+v (%v)", r.Recipe, err)
	}
}

func TestMatchingRefusesTablesAndImagesThatAreTooSmall(t *testing.T) {
	for shape, says := range map[data.Shape]string{{C: 1, H: 1,
		W: 30}: "the method needs images, these are rows of a table", {C: 3, H: 4, W: 4}: "want at least 8 x 8"} {
		local := distilltest.Samples(shape, 3, []int{0, 1}, 20)
		for _, m := range []distill.Method{quick(), DefaultDSA(), DefaultDC()} {
			if _, err := m.Distill(context.Background(), distill.Request{Samples: local, IPC: 1}); !errors.Is(err,
				nn.ErrShape) || !strings.Contains(err.Error(), says) {
				t.Errorf("%s of %v: %v", m.Name(), shape, err)
			}
		}
	}
}

func TestASteadyIterationAllocatesLittle(t *testing.T) {
	r := started(t, quick(), small())
	iterate := func() {
		if err := r.iterate(); err != nil {
			t.Fatal(err)
		}
	}
	iterate()
	if n := testing.AllocsPerRun(5, iterate); n > 0 {
		t.Errorf("%v allocations per iteration on %s", n, runtime.GOARCH)
	}
}

// The mean of a real batch is nearer to the class than that of the tiles, so
// that these learn the class and not the batch's noise.
func TestRealBatchesOutnumberTiles(t *testing.T) {
	for tiles, want := range map[int]int{1: 64, 4: 64, 40: 64, 44: 80, 200: 304} {
		if got := batchFor(tiles); got != want {
			t.Errorf("%d tiles: batches of %d, want %d", tiles, got, want)
		}
		if m := (Matching{}).suited(distill.Request{Samples: small()}, tiles); m.Batch != want {
			t.Errorf("%d tiles: suited to %d, want %d", tiles, m.Batch, want)
		}
		if m := (Matching{Batch: 20}).suited(distill.Request{Samples: small()}, tiles); m.Batch != 20 {
			t.Errorf("%d tiles: a batch of 20 that was asked for became %d", tiles, m.Batch)
		}
	}
}

// With few samples for the images asked for, images of a code are learned for longer.
func TestFewSamplesPerImageAreLearnedForLonger(t *testing.T) {
	code := &spectrum.Code{}
	many := &data.Samples{Shape: data.Shape{C: 1, H: 8, W: 8}, Classes: 2,
		Y: slices.Concat(slices.Repeat([]int{0}, 40), slices.Repeat([]int{1}, 79))}
	for _, c := range []struct {
		ipc   int
		coded bool
		few   bool
		steps int
	}{{10, true, false, codeSteps}, {11, true, true, fewSteps}, {11, false, true, tileSteps}} {
		req := distill.Request{Samples: many, IPC: c.ipc}
		if c.coded {
			req.Code = code
		}
		if m := DefaultDM(); Few(req) != c.few || m.Steps(req) != c.steps {
			t.Errorf("%d images per class, coded %t: few %t, %d iterations", c.ipc, c.coded, Few(req), m.Steps(req))
		}
	}
}
