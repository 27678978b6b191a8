package auto

import (
	"fmt"
	"math"
	"sort"
	"strconv"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/distill/match"
	"github.com/distillmesh/distillmesh/distill/registry"
	"github.com/distillmesh/distillmesh/distill/tiling"
	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
)

// Spending is what a budget of bytes is spent on.
type Spending struct {
	IPC       int  // stored images a class
	Formation int  // tiles along a side, or along that of the image a single tile was made small from
	Single    bool // tiles are stored alone
	Bare      bool // no preview and no card
	Bytes     int64
	Why       string
}

// What is for eyes, a contact sheet and a card of so many bytes at most, is left out
// where it could take more than this share of the budget.
const (
	eyesShare = 0.1
	eyesBytes = artifact.MaxPreviewBytes + 1<<10
)

// slack is for numbers in the manifest that are not known before, and differ in
// length.
const slack = 16

// Pixels is the pixel type asked for, or what suits a method: half a byte for
// tiles that stay within the range of real pixels, where it costs no accuracy that
// could be measured (docs/methods.md), else a byte.
func Pixels(asked artifact.PixelType, m distill.Method) artifact.PixelType {
	if asked != "" {
		return asked
	}
	if _, within := m.Settings()["view"]; within {
		return artifact.U4
	}
	return artifact.U8
}

// Budget is how many bytes a set may weigh as it travels, and what else it will carry.
type Budget struct {
	Bytes   int64
	Pixels  artifact.PixelType
	Licence string
	Timed   bool // a time will decide the number of iterations, which the manifest then names
}

// Spend finds what a set within a budget should hold. Labels are what the method
// makes of them. Images are stored as four tiles, or as single ones where more of
// them fit so; where not even one a class fits, smaller ones are tried. It fails with distill.ErrBudget, and what the least would be.
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
	if _, err := w.bytes(forms[0], 1); err != nil {
		return Spending{}, err // nothing can be written so
	}
	weight := func(s Spending, n int) int64 {
		size, err := w.bytes(s, n)
		if err != nil {
			return math.MaxInt64 // this much cannot be written
		}
		return size
	}
	bare := float64(b.Bytes)*eyesShare < eyesBytes
	var best Spending
	tiles, least := 0, int64(0)
	for _, s := range forms {
		if s.Formation > best.Formation && tiles > 0 {
			break // smaller tiles are for smaller budgets
		}
		s.Bare = bare
		most := w.most(s)
		s.IPC = sort.Search(most, func(i int) bool { return weight(s, i+1) > b.Bytes })
		if n := s.IPC * w.stored(s).Tiles(); n > tiles {
			tiles = n
			if best = s; bare { // unless the samples leave room for it
				best.Bare = false
				best.Bare = weight(best, best.IPC) > b.Bytes
			}
			best.Bytes, best.Why = weight(best, best.IPC), w.why(best, best.IPC == most)
		}
		least = weight(s, 1)
	}
	if tiles == 0 {
		return best, fmt.Errorf("%w: a set of these %d classes takes at least %d bytes, not %d", distill.ErrBudget, len(req.Samples.Held()), least, b.Bytes)
	}
	return best, nil
}

// weigher knows what sets weigh.
type weigher struct {
	task   *data.Task
	method distill.Method
	req    distill.Request
	budget Budget
}

// forms are the ways to store, the best first; at least one. It fails with
// data.ErrFormation when the formation asked for does not suit the images.
func (w weigher) forms() (out []Spending, err error) {
	add := func(factor int, single bool) {
		s := Spending{Formation: factor, Single: single}
		if w.stored(s).Validate(w.req.Samples.Shape) == nil {
			out = append(out, s)
		}
	}
	own, ok := w.method.Settings()["formation"]
	asked := w.req.Formation
	if f, err := strconv.Atoi(own); asked == 0 && err == nil && f != tiling.UsualFormation {
		asked = f // by a setting
	}
	switch {
	case asked > 1:
		add(asked, false)
		add(asked, true)
		return out, w.stored(Spending{Formation: asked}).Validate(w.req.Samples.Shape)
	case asked == 1 || !ok:
		add(1, false)
		return out, nil
	}
	add(tiling.UsualFormation, false)
	add(tiling.UsualFormation, true)
	add(2*tiling.UsualFormation, true)
	if len(out) == 0 {
		add(1, false)
	}
	return out, nil
}

// stored is the formation of a way.
func (w weigher) stored(s Spending) data.Formation {
	r := w.req
	r.Single = s.Single
	return r.StoredAs(s.Formation)
}

// soft tells whether the method will write labels as numbers: where it learns or
// solves them, and by "auto" where the device holds every class.
func (w weigher) soft() bool {
	switch w.method.Settings()["labels"] {
	case "learned", "solved":
		return true
	case "auto":
		return len(w.req.Samples.Held()) == w.req.Samples.Classes
	}
	return false
}

// most is how many images a class the samples allow: for each one of its own, or
// enough of them to hide in where an image is their mean.
func (w weigher) most(s Spending) int {
	n := w.req.Samples.Len()
	for _, members := range w.req.Samples.ByClass() {
		if len(members) > 0 {
			n = min(n, len(members))
		}
	}
	return max(1, n/behind(w.method)) / w.stored(s).Tiles()
}

// behind is how many samples should be averaged into an image, where a method
// makes means.
func behind(m distill.Method) int {
	switch m := m.(type) {
	case coreset.GMM:
		return distill.LeastGroup
	case coreset.Clusters:
		if m.Publish == coreset.PublishCentroids {
			return m.LeastGroup
		}
	}
	return 1
}

// group is the smallest group that a set will name, as long as any: none where
// images are learned from more than single samples.
func (w weigher) group() int {
	for _, members := range w.req.Samples.ByClass() {
		if n := len(members); n > 0 && n < distill.LeastGroup {
			return distill.LeastGroup
		}
	}
	if w.method.Settings()["start"] == tiling.Neighbours {
		return 0
	}
	return distill.LeastGroup
}

// recipe is what the set will recommend: that of tiles where the method learns
// them, else the usual one.
func (w weigher) recipe(form data.Formation, soft bool) *train.Recipe {
	settings := w.method.Settings()
	if augmentation, ok := settings["augment"]; ok {
		r := tiling.Recipe(w.req, augmentation, settings["view"], form)
		return &r
	}
	r := artifact.UsualRecipe(form, soft)
	return &r
}

// consumer is the model that the images will be made for, if any.
func (w weigher) consumer() string {
	settings := w.method.Settings()
	if depth, ok := settings["depth"]; ok {
		return "ntk:" + depth
	}
	if student, ok := settings["student"]; ok {
		return "ridge:" + student
	}
	return ""
}

// bytes is what a set of n images a class weighs, a little too much.
func (w weigher) bytes(s Spending, n int) (int64, error) {
	samples, form := w.req.Samples, w.stored(s)
	images := &data.Samples{Shape: form.StoredShape(samples.Shape), Classes: samples.Classes}
	for _, class := range samples.Held() {
		for range n {
			images.Y = append(images.Y, class)
		}
	}
	images.X = make([]float32, images.Len()*images.Shape.Size())
	if w.soft() {
		images.Soft = make([]float32, images.Len()*samples.Classes)
	}
	files, err := artifact.WriteSet(artifact.SetDraft{Task: w.task, Method: w.method, Settings: registry.Changed(w.method), IPC: n, Seed: w.req.Seed, Pixels: w.budget.Pixels, Licence: w.budget.Licence, Recipe: w.recipe(form, images.Soft != nil), Bare: s.Bare,
		Result: &distill.Result{Images: images, Formation: form, SmallestGroup: w.group(), Consumer: w.consumer()}})
	if err != nil {
		return 0, err
	}
	size := artifact.Bytes(files) + slack
	if picture, ok := files[artifact.PreviewFile]; ok { // of blank images
		size += int64(artifact.PreviewBytes(len(files[artifact.DataFile].Data)) - len(picture.Data))
	}
	return size, nil
}

func (w weigher) why(s Spending, all bool) string {
	images := "images"
	if s.IPC == 1 {
		images = "image"
	}
	text := fmt.Sprintf("%d stored %s a class", s.IPC, images)
	switch {
	case s.Single:
		text += fmt.Sprintf(", each one tile at 1/%d of the resolution", s.Formation)
	case s.Formation > 1:
		text += fmt.Sprintf(" of %d tiles", s.Formation*s.Formation)
	}
	if all {
		text += ", as many as the smallest class allows"
		if n := behind(w.method); n > 1 {
			text += fmt.Sprintf(" with %d samples for each", n)
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
