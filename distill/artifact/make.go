package artifact

import (
	"context"
	"errors"
	"fmt"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/recipe"
	"github.com/distillmesh/distillmesh/train/spectrum"
)

// Request is a set to be made: what to distill, and how to write it.
type Request struct {
	distill.Request
	Task     *data.Task
	Method   distill.Method
	Settings map[string]string // of the method, as in the manifest: those that differ from its defaults
	Pixels   PixelType         // empty for the default (Resolve)
	Payload  int               // of a code, the most bytes that the stream takes; 0 for no limit
	Licence  string
	Bare     bool // without preview and card; small sets of codes never have them
	// Distilled, when not nil, is called with the method's result before it is compared
	// with the samples and written.
	Distilled func(*distill.Result)
}

// Made is a set as it was written: its files, and what a reader finds in them.
type Made struct {
	Set
	Files Files
	// Moved is how many images of a code were moved towards the mean of their class, because the code
	// rounded them to nearly what it makes of a real sample.
	Moved      int
	Disclosure distill.Disclosure
}

// Make distills a set and writes it. Pixels are encoded once: the samples that come
// back, what they disclose and the preview are decoded from the tensors that are
// written. ReadSet accepts the files and reads the same set; what it would refuse is
// an error here. It fails with ErrPixels when the pixel type does not exist or fit
// the images, with device.ErrUnavailable when the method has no engine on the device,
// and with the errors of the method, such as checkpoint.ErrState.
func Make(ctx context.Context, r Request) (*Made, error) {
	result, outline, err := r.distilled(ctx)
	if err != nil {
		return nil, err
	}
	e, moved, err := r.encodeApart(ctx, result, outline.Real)
	if err != nil {
		return nil, err
	}
	made, err := r.write(result, e.tensors, e.stored, e.disclosure)
	if err != nil {
		return nil, err
	}
	made.Moved, made.Disclosure = moved, e.disclosure
	return made, nil
}

// Try is the set that Make writes of a method that picks real samples, for a control that is trained
// on and not published: it is encoded and decoded in the same way, and neither written nor compared with
// the samples, which costs most of the time. It fails with ErrPicked for a method of another kind.
func Try(ctx context.Context, r Request) (*Set, error) {
	result, outline, err := r.distilled(ctx)
	switch {
	case err != nil:
		return nil, err
	case !outline.Real || result.SmallestGroup != 1: // Make moves images of other methods
		return nil, fmt.Errorf("%w: %s", ErrPicked, r.Method.Name())
	}
	tensors, stored, err := r.encode(result)
	if err != nil {
		return nil, err
	}
	m, err := r.describe(result, stored, 0, nil)
	return &Set{Manifest: m, Samples: stored, Payload: payload(tensors)}, err
}

// ErrPicked means that Try was asked for a set of a method that makes images of its own.
var ErrPicked = errors.New("no method that picks real samples")

// distilled is the result of the method.
func (r *Request) distilled(ctx context.Context) (*distill.Result, distill.Outline, error) {
	outline, err := r.Resolve()
	if err != nil {
		return nil, outline, err
	}
	if !outline.OnEngine {
		if err := r.Device.RequireCPU("method " + r.Method.Name()); err != nil {
			return nil, outline, err
		}
		r.Device = device.Choice{Name: device.CPU, Workers: r.Device.Workers}
	}
	result, err := r.Method.Distill(ctx, r.Request)
	if err == nil {
		r.tell(result)
	}
	return result, outline, err
}

// tell calls Distilled.
func (r Request) tell(result *distill.Result) {
	if r.Distilled != nil {
		r.Distilled(result)
	}
}

// Disclose compares stored images with local samples, as distill.Disclose does. Those of a
// code are compared with samples that the code has rounded too, so that an image of one
// sample is a copy however coarse the code is.
func Disclose(ctx context.Context, stored, local *data.Samples, f data.Formation, c *spectrum.Code) (
	distill.Disclosure, error) {
	compared, err := compareWith(local, f, c)
	if err != nil {
		return distill.Disclosure{}, err
	}
	return compared.disclose(ctx, stored)
}

// comparison compares stored images with the same samples, more than once.
type comparison struct {
	*distill.Comparison
	code *spectrum.Quantizer // nil for pixels
}

func compareWith(local *data.Samples, f data.Formation, c *spectrum.Code) (*comparison, error) {
	if c == nil {
		return &comparison{distill.CompareWith(local, f), nil}, nil
	}
	code, err := c.Open()
	if err != nil {
		return nil, err
	}
	if local, err = coefficients(code, local); err != nil {
		return nil, err
	}
	return &comparison{distill.CompareWith(local, f), code}, nil
}

func (c *comparison) disclose(ctx context.Context, stored *data.Samples) (distill.Disclosure, error) {
	if c.code != nil {
		var err error
		if stored, err = coefficients(c.code, stored); err != nil {
			return distill.Disclosure{}, err
		}
	}
	return c.Disclose(ctx, stored)
}

// coefficients are samples as rows of rounded coefficients, which lie as far from each
// other as the images do.
func coefficients(t *spectrum.Quantizer, s *data.Samples) (*data.Samples, error) {
	c, err := t.Forward(s.X)
	if err != nil {
		return nil, err
	}
	return &data.Samples{Shape: data.Shape{C: 1, H: 1, W: t.Len()}, Classes: s.Classes, X: t.Dequantize(t.Quantize(c)),
		Y: s.Y}, nil
}

// Resolve decides the pixel type where it is open, tells the request of its code, and
// returns the outline of the set. It fails with ErrPixels where the type does not suit, with
// data.ErrFormation where tiles are asked for beside a code, and where the method's Outline does.
func (r *Request) Resolve() (distill.Outline, error) {
	shape := r.Samples.Shape
	r.Code = nil
	outline, err := r.Method.Outline(r.Request)
	if err != nil && !r.Pixels.IsDCT() {
		// Samples that are too few for tiles can still be enough for images of a code.
		coded := *r
		coded.Pixels = DCT
		if r.Pixels != "" || r.Formation != 0 || DCT.Check(shape) != nil {
			return outline, err
		}
		o, again := coded.Resolve()
		if again != nil || !o.Natural {
			return outline, err
		}
		*r = coded
		return o, nil
	}
	if r.Pixels = SuitablePixels(r.Pixels, outline, r.Request); r.Pixels == DCT {
		r.Pixels = DCTOf(CodeFor(shape, 0))
	}
	if r.Code, err = r.Pixels.Code(shape); err != nil {
		return distill.Outline{}, err
	}
	if r.Code != nil {
		if err := r.CheckCode(); err != nil {
			return outline, err
		}
		if outline, err = r.Method.Outline(r.Request); err != nil {
			return outline, err
		}
	}
	return outline, r.Pixels.Check(outline.Formation.StoredShape(shape))
}

// encode gives the tensors of a result, and the samples that a reader will decode from
// them.
func (r Request) encode(result *distill.Result) ([]checkpoint.Tensor, *data.Samples, error) {
	tensors, err := encode(result.Images, r.Pixels, r.Payload)
	if err != nil {
		return nil, nil, err
	}
	f := form{r.Pixels, result.Formation.OrDefault(), countLabels(result.Images)}
	stored, _, err := f.decode(tensors, r.Task, Limits{}.withDefaults().DecodedBytes)
	return tensors, stored, err
}

// write lays a set out as files.
func (r Request) write(result *distill.Result, tensors []checkpoint.Tensor, stored *data.Samples,
	d distill.Disclosure) (*Made, error) {
	fail := func(err error) (*Made, error) { return nil, fmt.Errorf("write set: %w", err) }
	m, err := r.describe(result, stored, d.NearestReal(), nearestChanged(d))
	if err != nil {
		return fail(err)
	}
	made := &Made{Set: Set{Manifest: m, Samples: stored, Payload: payload(tensors)}}
	if r.isSmall(&m, int(made.Payload)) {
		line, err := m.small()
		if err != nil {
			return fail(err)
		}
		if content := append(line, tensors[0].Data...); len(content) <= SmallBytes {
			made.Files, made.Manifest.Files = Files{SmallFile: content}, map[string]FileInfo{}
			return made, nil
		}
	}
	content, err := checkpoint.Encode(tensors, nil)
	if err != nil {
		return fail(err)
	}
	files := Files{DataFile: content}
	if !r.Bare {
		picture, err := preview(r.Task, stored, PreviewBytes(len(content)))
		if err != nil {
			return fail(err)
		}
		if picture != nil {
			files[PreviewFile] = picture
		}
		files[CardFile] = Card(r.Task, m)
	}
	m.Files = fileTable(files)
	if files[ManifestFile], err = canonicalJSON(m); err != nil {
		return fail(err)
	}
	made.Manifest, made.Files = m, files
	return made, nil
}

// describe is the manifest of a result as it is stored, without its files.
func (r Request) describe(result *distill.Result, stored *data.Samples, nearest float64, changed *float64) (
	Manifest, error) {
	return r.manifest(contents{
		formation: result.Formation, consumer: result.Consumer, recipe: result.Recipe,
		shape: stored.Shape, counts: countLabels(stored), soft: stored.Soft != nil,
		nearestReal: nearest, nearestChanged: changed, smallestGroup: fewest(result.SmallestGroup, r.Samples)})
}

// contents is what a manifest says of images. Every field but the first three is
// taken from images as stored, as a reader will see them, since rounding may change
// them.
type contents struct {
	formation   data.Formation
	consumer    string
	recipe      *recipe.Recipe
	shape       data.Shape
	counts      []int // per class
	soft        bool
	nearestReal float64
	// nearestChanged is nil where it was not measured.
	nearestChanged *float64
	smallestGroup  int
}

// nearestChanged is what a manifest says of changed copies.
func nearestChanged(d distill.Disclosure) *float64 {
	if d.Changed == nil {
		return nil
	}
	ratio := d.NearestChanged()
	return &ratio
}

// manifest is that of a set of the request that holds contents, without its files.
func (r Request) manifest(c contents) (Manifest, error) {
	task, err := TaskCID(r.Task)
	if err != nil {
		return Manifest{}, err
	}
	labels, total := "hard", 0
	if c.soft {
		labels = "soft"
	}
	for _, n := range c.counts {
		total += n
	}
	m := Manifest{
		SchemaVersion: SchemaVersion,
		Kind:          "set",
		Task:          task.String(),
		TaskName:      r.Task.Name,
		Method: MethodInfo{Name: r.Method.Name(), Version: r.Method.Version(), IPC: r.IPC, Seed: r.Seed,
			Settings: r.Settings, Engine: r.Device.Engine()},
		Images: ImagesInfo{Count: total, Shape: [3]int{c.shape.C, c.shape.H, c.shape.W}, DType: r.Pixels,
			Labels: labels},
		Counts:         c.counts,
		Consumer:       c.consumer,
		Recipe:         Recommended(c.recipe, c.formation, r.Code, r.Augment, c.soft),
		Formation:      c.formation.OrDefault(),
		ContainsReal:   containsReal(c.nearestReal, c.nearestChanged),
		NearestReal:    c.nearestReal,
		NearestChanged: c.nearestChanged,
		SmallestGroup:  c.smallestGroup,
		Licence:        r.Licence,
	}
	return m, m.check()
}

// Recommended is the recipe that a set recommends: its method's own; for images of a code
// the usual one for an augmentation, at the band of the code; else the default, at the resolution of
// tiles (except with solved labels, which were solved for whole images).
func Recommended(own *recipe.Recipe, f data.Formation, c *spectrum.Code, augment string, soft bool) *recipe.Recipe {
	if own != nil {
		return own
	}
	r := recipe.Default()
	switch {
	case soft:
	case c != nil:
		r = recipe.Usual(recipe.Suitable(augment, c.Shape.C), c.Shape.H, c.Shape.W)
		r.Band = c.K
	default:
		r.Coarse = f.Coarse()
	}
	return &r
}

// fewest is the smallest group, reduced to the size of the smallest class if that is
// below LeastGroup: anything made from three samples discloses these three.
func fewest(group int, local *data.Samples) int {
	for _, members := range local.ByClass() {
		if n := len(members); n > 0 && n < distill.LeastGroup && (group == 0 || n < group) {
			group = n
		}
	}
	return group
}

func countLabels(s *data.Samples) []int {
	out := make([]int, s.Classes)
	for _, y := range s.Y {
		out[y]++
	}
	return out
}
