package data

import (
	"crypto/sha256"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// wine is the task of a table with a feature of words.
func wine() *Task {
	return Task{Name: "wine", Classes: []string{"red", "white"}, Shape: Shape{C: 1, H: 1, W: 3}, Mean: []float64{1, 0, 0},
		Std: []float64{2, 1, 1}, Features: []files.Feature{{Name: "acid"},
			{Name: "region", Kind: files.OneHotKind, Levels: []string{"north", "south"}}}}.Filled()
}

func TestTasksThatComeWithTheProgramAreValid(t *testing.T) {
	for _, task := range append(WellKnownTasks(), wine()) {
		if err := task.Validate(); err != nil {
			t.Errorf("%s: %v", task.Name, err)
		}
	}
	if WellKnownTask("mnist") == nil || WellKnownTask("mnist").Augmentation() != "affine" || WellKnownTask("none") != nil {
		t.Error("well-known tasks are not found by name")
	}
}

func TestBadTasksAreRefused(t *testing.T) {
	for name, change := range map[string]func(t *Task){
		"another version":       func(t *Task) { t.Version = 2 },
		"no name":               func(t *Task) { t.Name = "" },
		"a name that is long":   func(t *Task) { t.Name = strings.Repeat("n", MaxNameLen+1) },
		"a name with a line":    func(t *Task) { t.Name = "a\nb" },
		"a name not in UTF-8":   func(t *Task) { t.Name = "\xff" },
		"one class":             func(t *Task) { t.Classes = []string{"red"} },
		"a class twice":         func(t *Task) { t.Classes = []string{"red", "red"} },
		"a class without name":  func(t *Task) { t.Classes = []string{"red", ""} },
		"no width":              func(t *Task) { t.Shape.W = 0 },
		"too many values":       func(t *Task) { t.Shape = Shape{C: 1 << 10, H: 1 << 10, W: 1 << 10} },
		"fewer means":           func(t *Task) { t.Mean = t.Mean[1:] },
		"a mean that is none":   func(t *Task) { t.Mean = []float64{math.NaN(), 0, 0} },
		"a deviation of zero":   func(t *Task) { t.Std = []float64{0, 1, 1} },
		"features of fewer":     func(t *Task) { t.Features = t.Features[:1] },
		"a feature twice":       func(t *Task) { t.Features[0].Name = "region" },
		"a kind of no feature":  func(t *Task) { t.Features[0].Kind = "color" },
		"levels of a number":    func(t *Task) { t.Features[0].Levels = []string{"a"} },
		"words without levels":  func(t *Task) { t.Features[1].Levels = nil },
		"a level twice":         func(t *Task) { t.Features[1].Levels = []string{"north", "north"} },
		"features of an image":  func(t *Task) { t.Shape = Shape{C: 1, H: 3, W: 1} },
		"a name of no print":    func(t *Task) { t.Augment = "\x00" },
		"a feature of no name":  func(t *Task) { t.Features[0].Name = "" },
		"a level without words": func(t *Task) { t.Features[1].Levels = []string{"", "south"} },
	} {
		task := wine()
		change(task)
		if err := task.Validate(); !errors.Is(err, ErrInvalidTask) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStandardizingIsUndone(t *testing.T) {
	task := wine()
	x := []float32{5, 0.25, -1}
	task.Standardize(x)
	if !slices.Equal(x, []float32{2, 0.25, -1}) {
		t.Errorf("standardized %v", x)
	}
	task.Restore(x)
	if !slices.Equal(x, []float32{5, 0.25, -1}) {
		t.Errorf("restored %v", x)
	}
	// Large values of a table are standardized before they are rounded.
	dates := &Task{Shape: Shape{C: 1, H: 1, W: 1}, Mean: []float64{1.7e9}, Std: []float64{0.5}}
	got := make([]float32, 1)
	dates.standardizeExact([]float64{1.7e9 + 0.25}, got)
	if got[0] != 0.5 {
		t.Errorf("a date is %v deviations from the mean, want 0.5", got[0])
	}
}

// some are four samples of three classes.
func some() *Samples {
	return &Samples{Shape: Shape{C: 1, H: 1, W: 2}, Classes: 3, X: []float32{1, 2, 3, 4, 5, 6, 7, 8}, Y: []int{2, 0, 2, 0}}
}

func TestSamplesAreCutAndJoined(t *testing.T) {
	s := some()
	if !slices.Equal(s.Held(), []int{0, 2}) || !slices.Equal(s.ByClass()[2], []int{0, 2}) ||
		!slices.Equal(s.Row(1), []float32{3, 4}) {
		t.Errorf("held %v, by class %v", s.Held(), s.ByClass())
	}
	part := s.Subset([]int{3, 0})
	if !slices.Equal(part.X, []float32{7, 8, 1, 2}) || !slices.Equal(part.Y, []int{0, 2}) {
		t.Errorf("subset %+v", part)
	}
	part.X[0] = 99
	if s.X[6] != 7 {
		t.Error("a subset shares the memory")
	}
	soft := part.Subset([]int{0})
	soft.Soft = []float32{0.5, 0.5, 0}
	both, err := Merge(soft, s)
	if err != nil || both.Len() != 5 || !slices.Equal(both.Soft[:6], []float32{0.5, 0.5, 0, 0, 0, 1}) {
		t.Errorf("merged %+v, %v", both, err)
	}
	other := some()
	other.Classes = 4
	if _, err := Merge(s, other); err == nil {
		t.Error("samples of other classes were merged")
	}
	if _, err := Merge(); err == nil {
		t.Error("nothing was merged")
	}
}

func TestDigestsTellSamplesApart(t *testing.T) {
	digest := func(change func(s *Samples)) [32]byte {
		s, h := some(), sha256.New()
		change(s)
		s.Digest(h)
		return [32]byte(h.Sum(nil))
	}
	seen := map[[32]byte]string{digest(func(*Samples) {}): "nothing"}
	for what, change := range map[string]func(s *Samples){
		"a value": func(s *Samples) { s.X[7] = 9 }, "a label": func(s *Samples) { s.Y[0] = 1 },
		"the classes": func(s *Samples) { s.Classes = 5 }, "the shape": func(s *Samples) {
			s.Shape = Shape{C: 2, H: 1,
				W: 1}
		},
		"soft labels": func(s *Samples) { s.Soft = make([]float32, 12) },
		"many values": func(s *Samples) { s.X = make([]float32, 3000) },
	} {
		d := digest(change)
		if other, ok := seen[d]; ok {
			t.Errorf("a change of %s has the digest of one of %s", what, other)
		}
		seen[d] = what
	}
}

func TestStreamsDependOnSeedPurposeAndKeys(t *testing.T) {
	seen := map[uint64]bool{}
	for _, v := range []uint64{Stream(1, "a").Uint64(), Stream(2, "a").Uint64(), Stream(1, "b").Uint64(),
		Stream(1, "a", 0).Uint64(),
		Stream(1, "a", 1).Uint64(), Stream(1, "a", 1, 0).Uint64(), Stream(11, "").Uint64(), Stream(1, "1").Uint64()} {
		if seen[v] {
			t.Errorf("two streams begin alike with %d", v)
		}
		seen[v] = true
	}
	if Stream(1, "a", 3).Uint64() != Stream(1, "a", 3).Uint64() {
		t.Error("a stream is not the same again")
	}
}

func TestSourcesAreLoadedInTheOrderAskedFor(t *testing.T) {
	task := wine()
	task.Features = nil
	src, err := NewFloats(task.Shape, []float32{1, 0, 0, 3, 1, 1, 5, 2, 2}, []int{0, 1, 0})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Load(task, Pick(src, []int{2, 0}), []int{1, 0})
	if err != nil || !slices.Equal(got.X, []float32{0, 0, 0, 2, 2, 2}) || !slices.Equal(got.Y, []int{0, 0}) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := Load(task, src, nil); !errors.Is(err, ErrNoSamples) {
		t.Errorf("an empty list: %v", err)
	}
	if _, err := NewFloats(task.Shape, []float32{1, 2}, []int{0}); err == nil {
		t.Error("a sample of too few values")
	}
	counts := NewCounts(Shape{C: 1, H: 1, W: 2}, []byte{7, 200}, []int{1})
	row := make([]float32, 2)
	if counts.Read(0, row); row[1] != 200 {
		t.Errorf("counts are %v", row)
	}
}
