package tiling

import (
	"fmt"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/spectrum"
)

// Form is what methods learn of an image: a tile of pixels, or the coefficients of a
// code.
type Form struct {
	formation data.Formation
	whole     data.Shape
	code      *spectrum.Quantizer // nil for tiles
	unit      []float32           // of the coefficients
}

// Units of coefficients.
const (
	// Equal units make the space of coefficients that of images, turned: steps along a
	// gradient are the same in both.
	Equal = iota
	// Expected units are the expected root mean squares, so that values of all coefficients
	// are of the same size.
	Expected
)

// NewForm is the form of the images of a request in a formation, with coefficients in Equal or Expected
// units.
func NewForm(req distill.Request, f data.Formation, units int) (Form, error) {
	out := Form{formation: f, whole: req.Samples.Shape}
	if req.Code == nil {
		return out, nil
	}
	var err error
	if out.code, err = req.Code.Open(); err != nil {
		return out, err
	}
	for _, s := range out.code.Sigma() {
		if units == Equal {
			s = 1
		}
		out.unit = append(out.unit, float32(s))
	}
	return out, nil
}

// Shape is that of the values of an image: a tile, or one channel per coefficient.
func (f Form) Shape() data.Shape {
	if f.code != nil {
		return data.Shape{C: f.code.Len(), H: 1, W: 1}
	}
	return f.formation.TileShape(f.whole)
}

// ConstantShapes are the shapes of the inputs that Decode needs for n images.
func (f Form) ConstantShapes(n int) [][]int {
	if f.code == nil {
		return [][]int{{n, 6}}
	}
	return [][]int{{1, f.code.Len()}, {f.code.Len(), f.whole.Size()}}
}

// Constants adds these inputs to a graph. Their values are ConstantValues.
func (f Form) Constants(g *graph.Graph, n int) (in []*graph.Node) {
	for i, shape := range f.ConstantShapes(n) {
		in = append(in, graph.Input(g, fmt.Sprint("constant ", i), shape...))
	}
	return in
}

// ConstantValues are the values of Constants.
func (f Form) ConstantValues(n int) [][]float32 {
	if f.code == nil {
		return [][]float32{IdentityMatrices(n)}
	}
	steps, basis := f.code.Steps(), f.code.Basis()
	perUnit := make([]float32, len(steps))
	for k, step := range steps {
		perUnit[k] = float32(float64(f.unit[k]) / step)
		for i := range f.whole.Size() {
			basis[k*f.whole.Size()+i] *= float32(step)
		}
	}
	return [][]float32{perUnit, basis}
}

// Decode makes whole images of values [N, Shape]: tiles are enlarged as data.Formation.Decode
// does, coefficients rounded to levels q of the code, and the levels decoded,
//
//	q = round(z unit / step),  x = sum over k of q_k step_k basis_k
//
// where the derivative of rounding is taken to be 1 (graph.Round).
func (f Form) Decode(values *graph.Node, constants []*graph.Node) *graph.Node {
	if f.code == nil {
		return Decode(values, constants[0], f.formation, f.whole)
	}
	n, k := values.Shape()[0], f.code.Len()
	levels := graph.Round(graph.Mul(graph.Reshape(values, n, k), constants[0]))
	return graph.Reshape(graph.MatMul(levels, constants[1]), n, f.whole.C, f.whole.H, f.whole.W)
}

// BitSlope is how the bits of coefficients z grow with them, as far as an expression
// can say: with the level v = z unit / step before it is rounded,
//
//	bits = log2(1 + v^2) / 2,  slope = 2 v / (1 + v^2)
//
// the derivative by v up to a constant, which lies within -1 and 1. The input holds unit /
// step, as the first of ConstantValues does. It is nil for tiles.
func (f Form) BitSlope(z *graph.Node) (slope, levelsPerUnit *graph.Node) {
	if f.code == nil {
		return nil, nil
	}
	levelsPerUnit = graph.Input(z.Graph(), "levels per unit", 1, f.code.Len(), 1, 1)
	v := graph.Mul(z, levelsPerUnit)
	return graph.Div(graph.Scale(v, 2), graph.Offset(graph.Mul(v, v), 1)), levelsPerUnit
}

// values are images as the form has them: tiles as they are.
func (f Form) values(images *data.Samples) ([]float32, error) {
	if f.code == nil {
		return images.X, nil
	}
	z, err := f.code.Forward(images.X)
	for i := range z {
		z[i] /= f.unit[i%len(f.unit)]
	}
	return z, err
}

// Images are the stored images of values, of the classes y and, unless nil, with soft labels. Those
// of a code are not rounded: whoever writes them does, within a number of bytes.
func (f Form) Images(values []float32, y []int, soft []float32, classes int) (*data.Samples, error) {
	out := &data.Samples{Shape: f.Shape(), Classes: classes, X: values, Y: y, Soft: soft}
	if f.code == nil {
		return f.formation.Pack(out)
	}
	c := make([]float32, len(values))
	for i, z := range values {
		c[i] = z * f.unit[i%len(f.unit)]
	}
	out.Shape = f.whole
	var err error
	out.X, err = f.code.Inverse(c)
	return out, err
}

// Range is the smallest and largest real value in each channel of the form.
func (f Form) Range(s *data.Samples) (Range, error) {
	if f.code == nil {
		return RangeOf(s), nil
	}
	z, err := f.values(s)
	if err != nil {
		return Range{}, err
	}
	return RangeOf(&data.Samples{Shape: f.Shape(), X: z}), nil
}
