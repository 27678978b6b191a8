package auto

import (
	"fmt"
	"math"
	"sort"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/match"
	"github.com/distillmesh/distillmesh/distill/tiling"
	"github.com/distillmesh/distillmesh/train/data"
)

// Spending is how a budget of bytes is used.
type Spending struct {
	IPC       int  // stored images per class
	Formation int  // tiles along a side; of a single tile, the factor by which it is smaller than an image
	Single    bool // tiles are stored alone
	Bare      bool // no preview and no card
	Pixels    artifact.PixelType
	Payload   int   // that coded images take at most; 0 for pixels
	Bytes     int64 // that the set weighs at most
	Why       string
}

// Budget is the largest size of a set in bytes, and what else it will contain.
type Budget struct {
	Bytes   int64
	Pixels  artifact.PixelType // empty for what suits the images
	Licence string
	// Settings are what the manifest will hold of a method's settings, such as
	// registry.Changed; nil for all.
	Settings func(distill.Method) map[string]string
	Timed    bool // a time limit will decide the number of iterations, which the manifest then records
}

// settings are those that the manifest holds.
func (b Budget) settings(m distill.Method) map[string]string {
	if b.Settings == nil {
		return m.Settings()
	}
	return b.Settings(m)
}

// Spend decides what a set within a budget holds. The method decides the labels. Images
// are stored as four tiles, or as single ones where more of them fit; where not even
// one per class fits, smaller ones are tried. It fails with distill.ErrBudget, which
// names the smallest possible size.
func Spend(task *data.Task, m distill.Method, req distill.Request, b Budget) (Spending, error) {
	req.IPC = 1
	if err := req.Check(); err != nil {
		return Spending{}, err
	}
	if dm, ok := m.(match.DM); ok && b.Timed {
		steps := ladder(dm.Steps(req))
		dm.Iterations = steps[len(steps)-1] // the longest to write
		m = dm
	}
	w := weigher{artifact.Request{Request: req, Task: task, Method: m, Settings: b.settings(m), Pixels: b.Pixels,
		Licence: b.Licence}}
	plain, err := m.Outline(req)
	if err != nil {
		return Spending{}, err
	}
	if w.set.Pixels = artifact.SuitablePixels(b.Pixels, plain, req); w.set.Pixels.IsDCT() {
		return w.spendCode(b.Bytes)
	}
	forms := w.forms(plain)
	if _, err := w.set.Size(forms[0]); err != nil {
		return Spending{}, err // no image can be written in this form
	}
	bare := artifact.TravelsBare(b.Bytes)
	var best Spending
	tiles, least := 0, int64(0)
	for _, f := range forms {
		if f.Formation.Factor > best.Formation && tiles > 0 {
			break // smaller tiles are for smaller budgets
		}
		most := w.most(f)
		n := sort.Search(most, func(i int) bool { return w.bytes(f, i+1, bare) > b.Bytes })
		if n*f.Formation.Tiles() > tiles {
			tiles = n * f.Formation.Tiles()
			best = Spending{IPC: n, Formation: f.Formation.Factor, Single: f.Formation.Single, Pixels: w.set.Pixels}
			best.Bare = bare && w.bytes(f, n, false) > b.Bytes // unless the samples allow more
			best.Bytes = w.bytes(f, n, best.Bare)
			best.Why = w.why(best, f, n == most)
		}
		least = w.bytes(f, 1, bare)
	}
	if tiles == 0 {
		return best, fmt.Errorf("%w: a set by %s of these %d classes takes at least %d bytes, not %d", distill.ErrBudget,
			m.Name(), len(req.Samples.Held()), least, b.Bytes)
	}
	return best, nil
}

// weigher knows what sets weigh that are like one, which it has with a single image per
// class.
type weigher struct{ set artifact.Request }

// forms are what sets of tiles can be like, given the outline of what was asked for, the
// best way to store first; at least one.
func (w *weigher) forms(asked distill.Outline) (out []distill.Outline) {
	add := func(factor int, single bool) {
		r := w.set.Request
		r.Formation, r.Single = factor, single
		if f, err := w.set.Method.Outline(r); err == nil {
			out = append(out, f)
		}
	}
	factor := asked.Formation.Factor
	add(factor, false)
	if factor > 1 {
		add(factor, true)
	}
	if factor == tiling.UsualFormation && w.set.Formation == 0 {
		add(2*factor, true)
	}
	return out
}

// most is how many images per class the samples and the method allow.
func (w weigher) most(f distill.Outline) int {
	n := w.set.Samples.Len()
	for _, members := range w.set.Samples.ByClass() {
		if len(members) > 0 {
			n = min(n, len(members))
		}
	}
	n = max(1, n/max(1, f.MinSamplesPerImage)) / f.Formation.Tiles()
	if f.MaxImagesPerClass > 0 {
		n = min(n, f.MaxImagesPerClass)
	}
	return n
}

// bytes is what a set of n images per class weighs at most; the largest number there is
// where so many cannot be written.
func (w weigher) bytes(f distill.Outline, n int, bare bool) int64 {
	w.set.IPC, w.set.Bare = n, bare
	size, err := w.set.Size(f)
	if err != nil {
		return math.MaxInt64
	}
	return size
}

func (w weigher) why(s Spending, f distill.Outline, all bool) string {
	images := "images"
	if s.IPC == 1 {
		images = "image"
	}
	text := fmt.Sprintf("%d stored %s per class", s.IPC, images)
	switch {
	case s.Single:
		text += fmt.Sprintf(", each one tile at 1/%d of the resolution", s.Formation)
	case s.Formation > 1:
		text += fmt.Sprintf(" of %d tiles", s.Formation*s.Formation)
	}
	switch {
	case f.MaxImagesPerClass > 0 && s.IPC == f.MaxImagesPerClass:
		text += ", more would say nothing"
	case all:
		text += ", as many as the smallest class allows"
		if f.MinSamplesPerImage > 1 {
			text += fmt.Sprintf(" with %d samples for each", f.MinSamplesPerImage)
		}
	}
	if w.set.Pixels == artifact.U4 {
		text += ", pixels of half a byte"
	}
	if s.Bare {
		text += "; no preview"
	}
	return text
}
