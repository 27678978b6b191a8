package artifact

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// drawn is a method that makes what a draw says, at random values.
type drawn struct {
	distill.Method
	outline distill.Outline
	group   int
}

func (d drawn) Outline(distill.Request) (distill.Outline, error) { return d.outline, nil }

func (d drawn) Distill(_ context.Context, req distill.Request) (*distill.Result, error) {
	rng, o := data.Stream(req.Seed, "size-test-images"), d.outline
	images := &data.Samples{Shape: o.Formation.StoredShape(req.Samples.Shape), Classes: req.Samples.Classes}
	for _, class := range req.Samples.Held() {
		for range req.IPC {
			images.Y = append(images.Y, class)
			for range images.Shape.Size() {
				images.X = append(images.X, float32(rng.NormFloat64()))
			}
			if o.Soft {
				row := make([]float32, images.Classes)
				row[class] = 1
				images.Soft = append(images.Soft, row...)
			}
		}
	}
	return &distill.Result{Images: images, Formation: o.Formation, Consumer: o.Consumer, Recipe: o.Recipe,
		SmallestGroup: d.group}, nil
}

// drawRequest draws a task, samples and a set of them.
func drawRequest(seed uint64) (Request, distill.Outline) {
	rng := data.Stream(seed, "size-test")
	pick := func(of ...int) int { return of[rng.IntN(len(of))] }
	shape := data.Shape{C: pick(1, 3), H: pick(4, 8, 9), W: pick(7, 8, 8, 10)}
	if rng.IntN(4) == 0 {
		shape = data.Shape{C: 1, H: 1, W: pick(2, 13)} // a table
	}
	task := &data.Task{Version: data.TaskVersion, Name: fmt.Sprintf("task %d of \"many\"", seed), Shape: shape}
	for range shape.C * max(1, map[bool]int{true: shape.W}[shape.IsTable()]) {
		task.Mean, task.Std = append(task.Mean, rng.Float64()), append(task.Std, 1+rng.Float64())
	}
	for i := range pick(2, 3, 10, 300) {
		task.Classes = append(task.Classes, fmt.Sprintf("class %d ü", i))
	}
	local := &data.Samples{Shape: shape, Classes: len(task.Classes)}
	for i := range pick(40, 400) {
		local.Y = append(local.Y, i%min(local.Classes, pick(1, 2, local.Classes)))
		for range shape.Size() {
			local.X = append(local.X, float32(rng.NormFloat64()))
		}
	}
	o := distill.Outline{Formation: data.NewFormation(1), Soft: rng.IntN(3) == 0, Grouped: rng.IntN(2) == 0,
		InRange: rng.IntN(2) == 0}
	if f := data.NewFormation(2); f.Validate(shape) == nil && rng.IntN(2) == 0 {
		if o.Formation = f; rng.IntN(2) == 0 {
			o.Formation = f.SingleTile()
		}
	}
	if rng.IntN(2) == 0 {
		r := recipe.Default()
		r.LR, r.Batch, o.Consumer = 0.003, 7, "ntk:1"
		o.Recipe = &r
	}
	m := drawn{Method: coreset.DefaultGMM(), outline: o}
	if o.Grouped {
		m.group = pick(1, 10, 57, 123)
	}
	r := Request{Request: distill.Request{Samples: local, Seed: rng.Uint64(), IPC: pick(1, 2, 17)}, Task: task, Method: m,
		Pixels: []PixelType{U4, U8, F16, F32, ""}[rng.IntN(5)], Bare: rng.IntN(2) == 0}
	if local.Classes > 100 {
		r.IPC = 1 // hundreds of images
	}
	if o.Formation.Factor == 1 && rng.IntN(3) > 0 {
		drawCode(&r, rng)
	}
	if rng.IntN(2) == 0 {
		r.Settings = map[string]string{"tolerance": "1e-09", "covariance_floor": "<0.5>"}
		r.Licence = "CC-BY-SA-4.0, of an institute"
	}
	return r, o
}

// drawCode has the images of a request written by a code, where they have one: in as many bytes as they need,
// in fewer, or in so many that the small form has a card.
func drawCode(r *Request, rng *rand.Rand) {
	s := r.Task.Shape
	k := 1 + rng.IntN(s.Size())
	code := PixelType(fmt.Sprintf("DCT:%d:%g:%d", k, []float64{0.25, 1, 3}[rng.IntN(3)], rng.IntN(5)))
	if code.Check(s) != nil {
		return
	}
	r.Pixels, r.Payload = code, []int{100 + len(r.Samples.Held())*r.IPC*k/4, 30_000, 80_000}[rng.IntN(3)]
}

// What a set is said to weigh is what it weighs: to the byte when all is known that
// its images decide, and never too little when it is not.
func TestTheSizeOfASetIsKnownBeforeItIsMade(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(300) {
		if testing.Short() && seed%3 != 0 {
			continue
		}
		r, o := drawRequest(seed)
		if d, ok := r.Method.(drawn); ok && seed%4 != 0 {
			d.outline.Real = true // of every fourth changed copies are searched
			r.Method, o = d, d.outline
		}
		made, err := Make(t.Context(), r)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		m, got := made.Manifest, made.Files.Bytes()
		if o, err = r.Resolve(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		coded := r.Pixels.IsDCT()
		payload := r.Payload
		if coded {
			r.Payload = int(made.Payload)
		}
		exact, err := r.weigh(contents{formation: o.Formation, consumer: o.Consumer, recipe: o.Recipe,
			shape: made.Samples.Shape, counts: m.Counts, soft: o.Soft, nearestReal: m.NearestReal,
			nearestChanged: m.NearestChanged, smallestGroup: m.SmallestGroup},
			func(int) int { return len(made.Files[PreviewFile]) })
		if err != nil || exact != got {
			t.Errorf("seed %d: %d bytes computed, %d written (%v): %+v", seed, exact, got, err, m)
		}
		r.Payload = payload
		most, err := r.Size(o)
		spare := r.unknown() + 7 // 1000000 is longer than other numbers
		if m.NearestChanged == nil {
			spare += 26 // real ones are not searched for changed copies
		}
		if coded {
			spare += int64(payload) - made.Payload + 8 // and lengths of lengths
		}
		_, small := made.Files[SmallFile]
		if small && !r.Bare {
			spare += 2 << 10 // a card and a manifest, if the stream were as long as it may be
		}
		if !r.Bare {
			spare += MaxPreviewBytes + 240 // what a group or a preview that is not there would add
		}
		if err != nil || got > most || most-got > spare {
			t.Errorf("seed %d: at most %d bytes, %d written (%v): %+v", seed, most, got, err, m)
		}
		kind, _, _ := strings.Cut(string(r.Pixels), ":")
		seen[kind]++
		seen[fmt.Sprint("small ", small)]++
		seen[fmt.Sprint("cut ", coded && int(made.Payload) > payload*9/10)]++
		seen[m.Images.Labels]++
		seen[fmt.Sprint("formation ", m.Formation)]++
		seen[fmt.Sprint("table ", r.Task.IsTable())]++
		seen[fmt.Sprint("bare ", r.Bare)]++
		seen[fmt.Sprint("real ", m.ContainsReal)]++
	}
	for _, what := range []string{"U4", "U8", "F16", "F32", "hard", "soft", "formation {1 false}", "formation {2 false}",
		"formation {2 true}", "table true", "table false", "bare true", "bare false", "DCT",
		"small true", "small false", "cut true"} {
		if seen[what] < 10 && !testing.Short() {
			t.Errorf("only %d sets are %s: %v", seen[what], what, seen)
		}
	}
}

// Whatever the numbers that the images decide turn out to be, they fit.
func TestNumbersThatAreNotKnownFit(t *testing.T) {
	for seed := range uint64(60) {
		r, o := drawRequest(seed)
		if d, ok := r.Method.(drawn); ok && seed%4 != 0 {
			d.outline.Real = true // of every fourth changed copies are searched
			r.Method, o = d, d.outline
		}
		o.Grouped = true
		if o, err := r.Resolve(); err != nil {
			t.Fatalf("seed %d: %v, %v", seed, o, err)
		}
		most, err := r.Size(o)
		if err != nil {
			t.Fatal(err)
		}
		counts := make([]int, r.Samples.Classes)
		for _, class := range r.Samples.Held() {
			counts[class] = r.IPC
		}
		for _, nearest := range []float64{0, 0.0001, 0.4999, 0.5, 1.2346, 999_999.9999, distill.MaxRatio} {
			for _, group := range []int{1, 10, 400, 999} {
				got, err := r.weigh(contents{formation: o.Formation, consumer: o.Consumer, recipe: o.Recipe,
					shape: o.Formation.StoredShape(r.Samples.Shape), counts: counts, soft: o.Soft, nearestReal: nearest,
					smallestGroup: group}, PreviewBytes)
				if err != nil || got > most {
					t.Errorf("seed %d, nearest_real %v, group %d: %d bytes, at most %d (%v)", seed, nearest, group, got, most, err)
				}
			}
		}
	}
}

func TestASizeIsRefusedWhereASetWouldBe(t *testing.T) {
	r := request("U2")
	o, err := r.Method.Outline(r.Request)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.Size(o); !errors.Is(err, ErrPixels) {
		t.Errorf("pixels of no type: %d, %v", n, err)
	}
	r = request(U8)
	o.Formation = data.NewFormation(3)
	if n, err := r.Size(o); !errors.Is(err, data.ErrFormation) {
		t.Errorf("thirds of 28 pixels: %d, %v", n, err)
	}
	r.Task = &data.Task{}
	if n, err := r.Size(o); err == nil {
		t.Errorf("a task without a name: %d", n)
	}
}

// A data file of several chunks has blocks that link them: they are counted.
func TestLinksBetweenChunksAreCounted(t *testing.T) {
	small, large := Files{DataFile: make([]byte, 1<<20)}, Files{DataFile: make([]byte, 3<<20)}
	if links := large.Bytes() - small.Bytes() - 2<<20; links < 3*40 || links > 3*60 {
		t.Errorf("%d bytes beside the content of three chunks", links)
	}
}

// Coded sets that are too large for the small form, or large enough for a preview and a card, have a manifest.
func TestLargeCodedSetsHaveAManifest(t *testing.T) {
	noise := drawn{Method: coreset.DefaultGMM(), outline: distill.Outline{Formation: data.NewFormation(1), Natural: true,
		Real: true}} // nothing else is measured then
	for name, c := range map[string]struct {
		ipc   int
		bare  bool
		files int
	}{
		"a little, bare":               {40, true, 1},
		"a little":                     {40, false, 1},
		"enough for a preview":         {120, false, 4},
		"enough for a preview, bare":   {120, true, 1},
		"more than a small form, bare": {1300, true, 2},
	} {
		if testing.Short() && c.ipc > 120 {
			continue
		}
		r := codedDigits(t, c.ipc, "DCT:784:0.125:0")
		r.Method, r.Bare = noise, c.bare
		made := mustMake(t, r)
		if len(made.Files) != c.files || (made.Files[SmallFile] != nil) != (c.files == 1) {
			t.Errorf("%s: payload %d, files %v", name, made.Payload, made.Files.Names())
		}
		set, err := ReadSet(made.Files, r.Task, Limits{})
		if err != nil || !sameSet(t, set, &made.Set) {
			t.Errorf("%s: read %v", name, err)
		}
		parts, err := made.Files.Weigh()
		sum := int64(0)
		for _, p := range parts {
			sum += p.Bytes
		}
		if err != nil || sum != made.Files.Bytes() || parts[0].Bytes < 1 {
			t.Errorf("%s: parts %v of %d bytes, %v", name, parts, made.Files.Bytes(), err)
		}
		r.Payload = int(made.Payload)
		o, err := r.Resolve()
		if err != nil {
			t.Fatal(err)
		}
		spare := r.unknown() + 7
		if c.files == 4 {
			spare += MaxPreviewBytes
		}
		if most, err := r.Size(o); err != nil || made.Files.Bytes() > most || most-made.Files.Bytes() > spare {
			t.Errorf("%s: at most %d bytes, %d written (%v)", name, most, made.Files.Bytes(), err)
		}
	}
}
