package auto

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/distill/match"
	"github.com/distillmesh/distillmesh/distill/registry"
	"github.com/distillmesh/distillmesh/train/data"
)

// owner is the samples of one device and their task.
type owner struct {
	task  *data.Task
	local *data.Samples
}

// gray is a device with digits of two classes.
func gray(t *testing.T) owner {
	t.Helper()
	ds := data.GlyphDigits()
	return owner{ds.Task, threesAndSevens(t, ds.Task, ds)}
}

// color is a device with noisy images in color, of which few are alike.
func color() owner {
	shape := data.Shape{C: 3, H: 16, W: 12}
	return owner{&data.Task{Version: data.TaskVersion, Name: "colors", Classes: []string{"a", "b", "c"}, Shape: shape,
		Mean: []float64{0, 0, 0}, Std: []float64{1, 1, 1}}, distilltest.Samples(shape, 3, []int{0, 2}, 200)}
}

// size is what a set weighs at most with a payload of so many bytes more than was spent.
func (o owner) size(t *testing.T, m distill.Method, req distill.Request, s Spending, more int) int64 {
	t.Helper()
	req.IPC = s.IPC
	set := artifact.Request{Request: req, Task: o.task, Method: m, Settings: registry.Changed(m), Pixels: s.Pixels,
		Payload: s.Payload + more, Bare: s.Bare}
	outline, err := set.Resolve()
	if err != nil {
		t.Fatal(err)
	}
	size, err := set.Size(outline)
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// some are the first n samples of each class.
func some(s *data.Samples, n int) *data.Samples {
	var index []int
	for _, members := range s.ByClass() {
		index = append(index, members[:min(n, len(members))]...)
	}
	return s.Subset(index)
}

// makeSpent makes a set as a budget is spent.
func makeSpent(t *testing.T, d owner, m distill.Method, req distill.Request, s Spending) *artifact.Made {
	t.Helper()
	req.IPC, req.Formation, req.Single = s.IPC, s.Formation, s.Single
	made, err := artifact.Make(t.Context(), artifact.Request{Request: req, Task: d.task, Method: m,
		Settings: registry.Changed(m), Pixels: s.Pixels, Payload: s.Payload, Bare: s.Bare})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// A set of coded images weighs no more than its budget, whatever the method and the images; one of random real
// images weighs nearly as much, unless the samples are used up.
func TestACodedSetKeepsItsBudget(t *testing.T) {
	quick, err := match.DefaultDM().With(map[string]string{"iterations": "2", "width": "4"})
	if err != nil {
		t.Fatal(err)
	}
	noise, err := quick.With(map[string]string{"start": "noise"}) // which takes more bytes than real images
	if err != nil {
		t.Fatal(err)
	}
	methods := []distill.Method{coreset.Random{}, quick, coreset.DefaultGMM(), noise}
	budgets := []int64{0, 450, 700, 1_024, 3_100, 9_000, 35_000, 51_300, 60_000}
	if testing.Short() {
		methods, budgets = methods[:1], budgets[:3]
	}
	for name, d := range map[string]owner{"gray": gray(t), "color": color()} {
		for _, m := range methods {
			req := distill.Request{Samples: d.local, Seed: 3}
			if m.Name() != "random" { // which is as fast as its images are written
				req.Samples = some(d.local, 60)
			}
			for _, bytes := range budgets {
				if bytes == 0 {
					bytes = leastOf(t, d, m, req, "")
				}
				s, err := Spend(d.task, m, req, within(bytes, ""))
				if err != nil {
					t.Errorf("%s by %s in %d bytes: %v", name, m.Name(), bytes, err)
					continue
				}
				if fits, more := d.size(t, m, req, s, 0), d.size(t, m, req, s, 1); fits > bytes || more <= bytes {
					t.Errorf("%s by %s: the payload makes %d bytes, one more %d, of %d", name, m.Name(), fits, more, bytes)
				}
				made := makeSpent(t, d, m, req, s)
				got := made.Files.Bytes()
				if got > bytes || !s.Pixels.IsDCT() || s.Formation != 1 || int(made.Payload) > s.Payload {
					t.Errorf("%s by %s: %d bytes of %d, payload %d: %+v", name, m.Name(), got, bytes, made.Payload, s)
				}
				usedUp := strings.Contains(s.Why, "as many as the smallest class allows")
				if m.Name() == "random" && !usedUp && got < bytes*95/100-100 {
					t.Errorf("%s, random: %d bytes of %d: %+v", name, got, bytes, s)
				}
			}
		}
	}
}

// leastOf is the smallest budget that is named when one is far too small.
func leastOf(t *testing.T, d owner, m distill.Method, req distill.Request, p artifact.PixelType) int64 {
	t.Helper()
	_, err := Spend(d.task, m, req, within(60, p))
	if !errors.Is(err, distill.ErrBudget) {
		t.Fatalf("60 bytes: %v", err)
	}
	found := regexp.MustCompile(`takes about (\d+) bytes, not 60$`).FindStringSubmatch(err.Error())
	if found == nil || !strings.Contains(err.Error(), fmt.Sprintf("a set by %s of these 2 classes", m.Name())) {
		t.Fatalf("it names no size: %v", err)
	}
	least, err := strconv.ParseInt(found[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return least
}

// The smallest budget is named, and holds an image per class; a byte less holds none.
func TestTheSmallestBudgetOfACodeIsNamed(t *testing.T) {
	d := gray(t)
	req := distill.Request{Samples: d.local, Seed: 3}
	for _, p := range []artifact.PixelType{"", "DCT:64:2:2", "DCT:784:0.25:0"} {
		least := leastOf(t, d, coreset.Random{}, req, p)
		s, err := Spend(d.task, coreset.Random{}, req, within(least, p))
		if err != nil || s.IPC != 1 {
			t.Errorf("%q in %d bytes: %+v, %v", p, least, s, err)
		}
		if got := makeSpent(t, d, coreset.Random{}, req, s).Files.Bytes(); got > least || got < least-slack {
			t.Errorf("%q: %d bytes of %d", p, got, least)
		}
		if s, err := Spend(d.task, coreset.Random{}, req, within(least-1, p)); !errors.Is(err, distill.ErrBudget) {
			t.Errorf("%q in %d bytes: %+v, %v", p, least-1, s, err)
		}
	}
}

// At one code more bytes never hold fewer images, also where a preview begins to be worth its bytes.
func TestMoreBytesHoldNoFewerImages(t *testing.T) {
	for name, d := range map[string]owner{"gray": gray(t), "color": color()} {
		req, last, most := distill.Request{Samples: d.local, Seed: 5}, Spending{}, 0
		for bytes := int64(500); bytes < 70_000; bytes = bytes*5/4 + 1 {
			s, err := Spend(d.task, coreset.Random{}, req, within(bytes, "DCT:90:1:1"))
			if err != nil {
				t.Fatal(err)
			}
			if s.IPC < last.IPC || s.Payload < last.Payload {
				t.Errorf("%s: %d bytes hold %+v, fewer %+v", name, bytes, s, last)
			}
			last, most = s, max(most, s.IPC)
		}
		if most < 20 {
			t.Errorf("%s: %d images at most", name, most)
		}
	}
}

// With more bytes per class a code keeps no fewer coefficients, in no coarser steps.
func TestCodesOfMoreBytesAreFiner(t *testing.T) {
	for _, d := range []owner{gray(t), color()} {
		req, seen := distill.Request{Samples: d.local, Seed: 5}, map[artifact.PixelType]bool{}
		k, step := 0, float32(100)
		for bytes := int64(500); bytes < 200_000; bytes *= 2 {
			s, err := Spend(d.task, coreset.Random{}, req, within(bytes, ""))
			if err != nil {
				t.Fatal(err)
			}
			c, err := s.Pixels.Code(d.task.Shape)
			if err != nil {
				t.Fatal(err)
			}
			if c.K < k || c.Step > step {
				t.Errorf("%d bytes: %s after %d coefficients in steps of %g", bytes, s.Pixels, k, step)
			}
			k, step = c.K, c.Step
			seen[s.Pixels] = true
		}
		if len(seen) < 3 {
			t.Errorf("codes %v", seen)
		}
	}
}

// Tiles beside a code, and codes that do not suit, are refused before anything is weighed.
func TestCodesThatDoNotSuitAreRefused(t *testing.T) {
	d := gray(t)
	table := distilltest.Samples(data.Shape{C: 1, H: 1, W: 13}, 10, []int{0, 1}, 20)
	for name, c := range map[string]struct {
		req    distill.Request
		pixels artifact.PixelType
		want   error
	}{
		"tiles":          {distill.Request{Samples: d.local, Formation: 2}, artifact.DCT, data.ErrFormation},
		"no coefficient": {distill.Request{Samples: d.local}, "DCT:0:1:0", artifact.ErrPixels},
		"half a code":    {distill.Request{Samples: d.local}, "DCT:64", artifact.ErrPixels},
		"a table":        {distill.Request{Samples: table}, artifact.DCT, artifact.ErrPixels},
		"a table's code": {distill.Request{Samples: table}, "DCT:5:1:0", artifact.ErrPixels},
	} {
		if s, err := Spend(d.task, coreset.Random{}, c.req, within(9_000, c.pixels)); !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}
