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
	Bytes     int64
	Why       string
}

// The contact sheet and the card are left out where they could take more than this
// share of the budget.
const (
	eyesShare = 0.1
	eyesBytes = artifact.MaxPreviewBytes + 1<<10
)

// slack allows for numbers in the manifest that are not known in advance and
// differ in length.
const slack = 16

// Pixels is the requested pixel type, or the default for the images: half a byte
// for those that stay within the range of real pixels, where it costs no
// measurable accuracy (docs/methods.md), else a byte.
func Pixels(asked artifact.PixelType, o distill.Outline) artifact.PixelType {
	switch {
	case asked != "":
		return asked
	case o.InRange:
		return artifact.U4
	}
	return artifact.U8
}

// Budget is the largest size of a set in bytes, and what else it will contain.
type Budget struct {
	Bytes   int64
	Pixels  artifact.PixelType
	Licence string
	// Settings are what the manifest will hold of a method's settings, such as
	// registry.Changed; nil for all.
	Settings func(distill.Method) map[string]string
	Timed    bool // a time limit will decide the number of iterations, which the manifest then records
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
		steps := ladder(dm.Iterations)
		dm.Iterations = steps[len(steps)-1] // the longest to write
		m = dm
	}
	w := weigher{task, m, req, b}
	forms, err := w.forms()
	if err != nil {
		return Spending{}, err
	}
	if _, err := w.bytes(forms[0], 1, true); err != nil {
		return Spending{}, err // no image can be written in this form
	}
	weight := func(f distill.Outline, n int, bare bool) int64 {
		size, err := w.bytes(f, n, bare)
		if err != nil {
			return math.MaxInt64 // this much cannot be written
		}
		return size
	}
	bare := float64(b.Bytes)*eyesShare < eyesBytes
	var best Spending
	tiles, least := 0, int64(0)
	for _, f := range forms {
		if f.Formation.Factor > best.Formation && tiles > 0 {
			break // smaller tiles are for smaller budgets
		}
		most := w.most(f)
		n := sort.Search(most, func(i int) bool { return weight(f, i+1, bare) > b.Bytes })
		if n*f.Formation.Tiles() > tiles {
			tiles = n * f.Formation.Tiles()
			best = Spending{IPC: n, Formation: f.Formation.Factor, Single: f.Formation.Single}
			best.Bare = bare && weight(f, n, false) > b.Bytes // unless the samples allow more
			best.Bytes = weight(f, n, best.Bare)
			best.Why = w.why(best, f, n == most)
		}
		least = weight(f, 1, bare)
	}
	if tiles == 0 {
		return best, fmt.Errorf("%w: a set by %s of these %d classes takes at least %d bytes, not %d", distill.ErrBudget,
			m.Name(), len(req.Samples.Held()), least, b.Bytes)
	}
	return best, nil
}

// weigher computes the size of sets.
type weigher struct {
	task   *data.Task
	method distill.Method
	req    distill.Request
	budget Budget
}

// forms are the possible forms of a set, the best first; at least one. It fails with
// data.ErrFormation when the requested formation does not fit the images.
func (w weigher) forms() (out []distill.Outline, err error) {
	asked, err := w.method.Outline(w.req)
	if err != nil {
		return nil, err
	}
	add := func(factor int, single bool) {
		r := w.req
		r.Formation, r.Single = factor, single
		if f, err := w.method.Outline(r); err == nil {
			out = append(out, f)
		}
	}
	factor := asked.Formation.Factor
	add(factor, false)
	if factor > 1 {
		add(factor, true)
	}
	if factor == tiling.UsualFormation && w.req.Formation == 0 {
		add(2*factor, true)
	}
	return out, nil
}

// most is how many images per class the samples and the method allow.
func (w weigher) most(f distill.Outline) int {
	n := w.req.Samples.Len()
	for _, members := range w.req.Samples.ByClass() {
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

// group is a smallest group with as many digits as any that a set can name, or none.
func (w weigher) group(f distill.Outline) int {
	for _, members := range w.req.Samples.ByClass() {
		if n := len(members); n > 0 && n < distill.LeastGroup {
			return distill.LeastGroup
		}
	}
	if f.Grouped {
		return distill.LeastGroup
	}
	return 0
}

// settings are those that the manifest holds.
func (w weigher) settings() map[string]string {
	if w.budget.Settings == nil {
		return w.method.Settings()
	}
	return w.budget.Settings(w.method)
}

// bytes is an upper bound of the size of a set of n images per class.
func (w weigher) bytes(f distill.Outline, n int, bare bool) (int64, error) {
	samples := w.req.Samples
	images := &data.Samples{Shape: f.Formation.StoredShape(samples.Shape), Classes: samples.Classes}
	for _, class := range samples.Held() {
		for range n {
			images.Y = append(images.Y, class)
		}
	}
	images.X = make([]float32, images.Len()*images.Shape.Size())
	if f.Soft {
		images.Soft = make([]float32, images.Len()*samples.Classes)
		for i, class := range images.Y {
			images.Soft[i*samples.Classes+class] = 1
		}
	}
	files, err := artifact.WriteSet(artifact.SetDraft{Task: w.task, Method: w.method,
		Settings: w.settings(), IPC: n, Seed: w.req.Seed, Pixels: w.budget.Pixels, Licence: w.budget.Licence,
		Recipe: artifact.Recommended(f.Recipe, f.Formation, f.Soft), Bare: bare,
		Result: &distill.Result{Images: images, Formation: f.Formation, SmallestGroup: w.group(f), Consumer: f.Consumer}})
	if err != nil {
		return 0, err
	}
	size := artifact.Bytes(files) + slack
	if picture, ok := files[artifact.PreviewFile]; ok { // of blank images
		size += int64(artifact.PreviewBytes(len(files[artifact.DataFile].Data)) - len(picture.Data))
	}
	return size, nil
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
		text += ", more would add nothing"
	case all:
		text += ", as many as the smallest class allows"
		if f.MinSamplesPerImage > 1 {
			text += fmt.Sprintf(" with %d samples for each", f.MinSamplesPerImage)
		}
	}
	if w.budget.Pixels == artifact.U4 {
		text += ", pixels of half a byte"
	}
	if s.Bare {
		text += "; no preview"
	}
	return text
}
