package auto

import (
	"fmt"
	"sort"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/tiling"
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

// What is for eyes is left out when it could take more than this share of the
// budget: a contact sheet and a card, of so many bytes at most.
const (
	eyesShare = 0.1
	eyesBytes = 5 << 10
)

// slack is for numbers in the manifest that are not known before.
const slack = 48

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

// Spend finds what a set of at most so many bytes, counted as it travels, should
// hold. Labels are what the method makes of them. Images are stored as four tiles,
// or as single ones where more of them fit so; where not even one a class fits,
// smaller ones are tried. It fails with distill.ErrBudget, and what the least would be.
func Spend(task *data.Task, m distill.Method, req distill.Request, pixels artifact.PixelType, bytes int64) (Spending, error) {
	req.IPC = 1
	if err := req.Check(); err != nil {
		return Spending{}, err
	}
	w := weigher{task, m, req, pixels}
	bare := float64(bytes)*eyesShare < eyesBytes
	var best Spending
	tiles, least := 0, int64(0)
	for _, s := range w.forms() {
		if s.Formation > best.Formation && tiles > 0 {
			break // smaller tiles are for smaller budgets
		}
		s.Bare = bare
		most := w.most(s)
		s.IPC = sort.Search(most, func(i int) bool { return w.bytes(s, i+1) > bytes })
		if n := s.IPC * w.stored(s).Tiles(); n > tiles {
			best, tiles = s, n
			best.Bytes, best.Why = w.bytes(s, s.IPC), w.why(s, s.IPC == most)
		}
		least = w.bytes(s, 1)
	}
	if tiles == 0 {
		return best, fmt.Errorf("%w: a set of these %d classes takes at least %d bytes, not %d", distill.ErrBudget, len(req.Samples.Held()), least, bytes)
	}
	return best, nil
}

// weigher knows what sets weigh.
type weigher struct {
	task   *data.Task
	method distill.Method
	req    distill.Request
	pixels artifact.PixelType
}

// forms are the ways to store, the best first.
func (w weigher) forms() (out []Spending) {
	add := func(factor int, single bool) {
		s := Spending{Formation: factor, Single: single}
		if w.stored(s).Validate(w.req.Samples.Shape) == nil {
			out = append(out, s)
		}
	}
	if f := w.req.Formation; f > 0 {
		add(f, false)
		if f > 1 {
			add(f, true)
		}
		return out
	}
	if !w.tiles() {
		add(1, false)
		return out
	}
	add(tiling.UsualFormation, false)
	add(tiling.UsualFormation, true)
	add(2*tiling.UsualFormation, true)
	if len(out) == 0 {
		add(1, false)
	}
	return out
}

// stored is the formation of a way.
func (w weigher) stored(s Spending) data.Formation {
	r := w.req
	r.Single = s.Single
	return r.StoredAs(s.Formation)
}

// tiles tells whether the method makes formations by itself.
func (w weigher) tiles() bool {
	_, ok := w.method.Settings()["formation"]
	return ok
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

// most is how many images a class the samples allow.
func (w weigher) most(s Spending) int {
	n := w.req.Samples.Len()
	for _, members := range w.req.Samples.ByClass() {
		if len(members) > 0 {
			n = min(n, len(members))
		}
	}
	return n / w.stored(s).Tiles()
}

// bytes is what a set of n images a class weighs, a little too much.
func (w weigher) bytes(s Spending, n int) int64 {
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
	recipe := tiling.Recipe(w.req, tiling.Suitable, w.method.Settings()["view"], form)
	files, err := artifact.WriteSet(artifact.SetDraft{Task: w.task, Method: w.method, IPC: n, Seed: w.req.Seed, Pixels: w.pixels, Recipe: &recipe, Bare: true,
		Result: &distill.Result{Images: images, Formation: form, SmallestGroup: distill.LeastGroup}})
	if err != nil {
		return 1 << 62 // what cannot be written fits nowhere
	}
	size := artifact.Bytes(files) + slack
	if !s.Bare {
		size += eyesBytes
	}
	return size
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
	}
	if w.pixels == artifact.U4 {
		text += ", pixels of half a byte"
	}
	if s.Bare {
		text += "; no preview"
	}
	return text
}
