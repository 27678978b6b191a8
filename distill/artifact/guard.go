package artifact

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/likeness"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
)

// A coarse code can round an average, or a learned image, to what it makes of one real
// sample, and an image can be learned to look like a changed sample. Such images of a code are moved towards
// the mean of their class, by these shares of the way, the first that is far enough.
var guardSteps = []float32{0.2, 0.4, 0.6, 0.8, 1}

// ErrClass means that a method made images of a class of which there are no samples.
var ErrClass = errors.New("class without samples")

// encoded is a result as it is written.
type encoded struct {
	tensors    []checkpoint.Tensor
	stored     *data.Samples
	disclosure distill.Disclosure
}

// guard measures what images of a result disclose.
type guard struct {
	r       Request
	result  *distill.Result
	real    bool // images are samples by the method's own word
	plain   *comparison
	search  *likeness.Finder // nil until it is needed
	changed []float64        // what it found; nil until then
	near    []bool           // images that were too near to a sample at some time
}

// encodeApart encodes a result and measures what it discloses. Images of a code that was not
// made from single samples are kept apart from real ones where that is possible; moved
// is how many had to be moved. Each image is compared with the class that it was made from,
// whatever its label is now, and with all samples under changes.
func (r Request) encodeApart(ctx context.Context, result *distill.Result, real bool) (e encoded, moved int, err error) {
	if err := r.checkClasses(result.Images); err != nil {
		return e, 0, err
	}
	g := &guard{r: r, result: result, real: real}
	if g.plain, err = compareWith(r.Samples, g.formation(), r.Code); err != nil {
		return e, 0, err
	}
	images := result.Images
	if e, err = g.measure(ctx, images); err != nil || !e.disclosure.ContainsReal() {
		return e, 0, err
	}
	if r.Code == nil || result.SmallestGroup == 1 {
		return e, 0, nil
	}
	means := classMeans(r.Samples)
	for _, share := range guardSteps {
		moved := *images
		moved.X = slices.Clone(images.X)
		for i, near := range g.near {
			if mean := means[images.Y[i]]; near && mean != nil {
				for j, v := range images.Row(i) {
					moved.Row(i)[j] = v + share*(mean[j]-v)
				}
			}
		}
		if e, err = g.measure(ctx, &moved); err != nil || !e.disclosure.ContainsReal() {
			break
		}
	}
	for _, n := range g.near {
		if n {
			moved++
		}
	}
	return e, moved, err
}

// checkClasses refuses images of a class of which there are no samples: nothing says what they
// are made from.
func (r Request) checkClasses(images *data.Samples) error {
	members := r.Samples.ByClass()
	for i, class := range images.Y {
		if len(members[class]) == 0 {
			return fmt.Errorf("%w: image %d of method %s is of class %q, of which there are no samples here", ErrClass, i,
				r.Method.Name(), r.Task.Classes[class])
		}
	}
	return nil
}

// measure encodes images of a result and measures what they disclose. Changed copies are
// searched only where no image is a plain one.
func (g *guard) measure(ctx context.Context, images *data.Samples) (e encoded, err error) {
	shown := *g.result
	shown.Images = images
	if e.tensors, e.stored, err = g.r.encode(&shown); err != nil {
		return e, fmt.Errorf("write set: %w", err)
	}
	published := *e.stored
	published.Y = g.result.Images.Y
	if e.disclosure, err = g.plain.disclose(ctx, &published); err != nil {
		return e, err
	}
	if g.near == nil {
		g.near = make([]bool, len(e.disclosure.Ratio))
	}
	again := slices.Clone(g.near)
	for i, ratio := range e.disclosure.Ratio {
		g.near[i] = g.near[i] || ratio < distill.RealThreshold
	}
	if g.real || !likeness.Suits(g.r.Samples.Shape) || e.disclosure.ContainsReal() {
		return e, nil
	}
	if err := g.measureChanged(ctx, images, again); err != nil {
		return e, err
	}
	e.disclosure.Changed = g.changed
	return e, nil
}

func (g *guard) formation() data.Formation { return g.result.Formation.OrDefault() }

// measureChanged searches the samples for changed copies of images: of those that were moved,
// and the first time of all.
func (g *guard) measureChanged(ctx context.Context, images *data.Samples, again []bool) (err error) {
	f := g.formation()
	if g.search == nil {
		if g.search, err = likeness.Open(g.r.Samples, publishing(g.r.Samples.Shape, f, g.plain.code)); err != nil {
			return err
		}
	}
	shown, rows := f.Decode(images).X, f.Cut(images).X
	if g.plain.code != nil {
		if rows, err = g.plain.code.Forward(images.X); err != nil {
			return err
		}
	}
	if g.changed == nil {
		g.changed = make([]float64, len(g.near))
		again = slices.Repeat([]bool{true}, len(g.near))
	}
	var which []int
	var someShown, someRows []float32
	size, k := g.r.Samples.Shape.Size(), len(rows)/len(g.near)
	for i, again := range again {
		if again {
			which = append(which, i)
			someShown = append(someShown, shown[i*size:(i+1)*size]...)
			someRows = append(someRows, rows[i*k:(i+1)*k]...)
		}
	}
	ratios, _, err := g.search.Ratios(ctx, someShown, someRows)
	if err != nil {
		return err
	}
	for j, i := range which {
		g.changed[i] = ratios[j]
		g.near[i] = g.near[i] || ratios[j] < distill.ChangedThreshold
	}
	return nil
}

// classMeans are the means of classes of at least distill.LeastGroup samples; nil for others.
func classMeans(s *data.Samples) [][]float32 {
	means := make([][]float32, s.Classes)
	for class, members := range s.ByClass() {
		if len(members) < distill.LeastGroup {
			continue
		}
		sum := make([]float64, s.Shape.Size())
		for _, i := range members {
			for j, v := range s.Row(i) {
				sum[j] += float64(v)
			}
		}
		for _, v := range sum {
			means[class] = append(means[class], float32(v/float64(len(members))))
		}
	}
	return means
}
