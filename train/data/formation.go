package data

import (
	"errors"
	"fmt"
	"math"
)

// ErrFormation means that images cannot be stored in a formation.
var ErrFormation = errors.New("formation does not suit")

// MaxFormation is the largest factor of a formation.
const MaxFormation = 8

// Formation is the multi-formation of IDC (Kim et al. 2022): one stored image holds
// Factor x Factor sub-images, here called tiles, in row-major order, each a training
// image down-sampled by Factor. A tile becomes a training image by bilinear up-sampling
// with half-pixel centers: pixel i of a side Factor times as long shows the tile at
// (i + 1/2)/Factor - 1/2, kept inside. Factor 1 is a plain image. For very
// small budgets, a stored image is a Single tile.
type Formation struct {
	Factor int  `json:"factor"`
	Single bool `json:"single,omitempty"` // a stored image is one tile; for factors above 1
}

// NewFormation is the formation of a factor; 0 and 1 are plain images.
func NewFormation(factor int) Formation {
	if factor <= 1 {
		return Formation{Factor: 1}
	}
	return Formation{Factor: factor}
}

// SingleTile is the formation with one tile per stored image.
func (f Formation) SingleTile() Formation {
	f.Single = f.Factor > 1
	return f
}

// OrDefault is the formation, or that of plain images for the zero value.
func (f Formation) OrDefault() Formation {
	if f.Factor == 0 {
		return NewFormation(1)
	}
	return f
}

// Validate fails with ErrFormation unless images of the shape can be stored so:
// the factor divides both sides, and a tile is at least 2 x 2.
func (f Formation) Validate(s Shape) error {
	switch {
	case f.Factor < 1 || f.Factor > MaxFormation:
		return fmt.Errorf("%w: factor %d, want 1 to %d", ErrFormation, f.Factor, MaxFormation)
	case f.Single && f.Factor == 1:
		return fmt.Errorf("%w: a plain image is no single tile", ErrFormation)
	case f.Factor > 1 && (s.H%f.Factor != 0 || s.W%f.Factor != 0 || s.H < 2*f.Factor || s.W < 2*f.Factor):
		return fmt.Errorf("%w: %d x %d tiles in images of %v", ErrFormation, f.Factor, f.Factor, s)
	}
	return nil
}

// Tiles is the number of training images in a stored one.
func (f Formation) Tiles() int {
	if f.Single {
		return 1
	}
	return f.Factor * f.Factor
}

// Coarse is the factor of the view that shows images as its tiles: 0 for plain
// images.
func (f Formation) Coarse() int {
	if f.Factor > 1 {
		return f.Factor
	}
	return 0
}

// TileShape is the shape of a tile of training images of a shape.
func (f Formation) TileShape(s Shape) Shape { return Shape{s.C, s.H / f.Factor, s.W / f.Factor} }

// StoredShape is the shape of a stored image of training images of a shape.
func (f Formation) StoredShape(s Shape) Shape {
	if f.Single {
		return f.TileShape(s)
	}
	return s
}

// FullShape is the shape of training images of which stored ones have a shape.
func (f Formation) FullShape(stored Shape) Shape {
	if f.Single {
		return Shape{stored.C, stored.H * f.Factor, stored.W * f.Factor}
	}
	return stored
}

// Cut takes the tiles out of stored images, at their own resolution, image
// after image. Labels are repeated for each tile.
func (f Formation) Cut(s *Samples) *Samples {
	if f.Factor == 1 || f.Single {
		return s
	}
	tile := f.TileShape(s.Shape)
	out := f.spread(s, tile)
	for i := range out.Len() {
		f.eachRow(s.Row(i/f.Tiles()), out.Row(i), i%f.Tiles(), tile, func(image, tile []float32) { copy(tile, image) })
	}
	return out
}

// spread allocates the tiles of stored images, with their labels.
func (f Formation) spread(s *Samples, shape Shape) *Samples {
	out := &Samples{Shape: shape, Classes: s.Classes, X: make([]float32, s.Len()*f.Tiles()*shape.Size())}
	for i, y := range s.Y {
		for range f.Tiles() {
			out.Y = append(out.Y, y)
			if s.Soft != nil {
				out.Soft = append(out.Soft, s.Soft[i*s.Classes:(i+1)*s.Classes]...)
			}
		}
	}
	return out
}

// eachRow pairs every row of a tile with its place in the stored image.
func (f Formation) eachRow(image, tile []float32, number int, shape Shape, pair func(image, tile []float32)) {
	top, left := number/f.Factor*shape.H, number%f.Factor*shape.W
	wide := shape.W * f.Factor
	for c := range shape.C {
		for y := range shape.H {
			from := (c*shape.H*f.Factor+top+y)*wide + left
			at := (c*shape.H + y) * shape.W
			pair(image[from:from+shape.W], tile[at:at+shape.W])
		}
	}
}

// Pack is the reverse of Cut: each Tiles() tiles in a row, of one class, make a
// stored image, whose label, soft or hard, is that of the first.
func (f Formation) Pack(tiles *Samples) (*Samples, error) {
	if f.Factor == 1 || f.Single {
		return tiles, nil
	}
	n := f.Tiles()
	if tiles.Len()%n != 0 {
		return nil, fmt.Errorf("%w: %d tiles, %d per image", ErrFormation, tiles.Len(), n)
	}
	s := tiles.Shape
	out := &Samples{Shape: Shape{s.C, s.H * f.Factor, s.W * f.Factor}, Classes: tiles.Classes}
	out.X = make([]float32, len(tiles.X))
	for i, y := range tiles.Y {
		if y != tiles.Y[i/n*n] {
			return nil, fmt.Errorf("%w: tiles of classes %d and %d in one image", ErrFormation, tiles.Y[i/n*n], y)
		}
		if i%n == 0 {
			out.Y = append(out.Y, y)
			if tiles.Soft != nil {
				out.Soft = append(out.Soft, tiles.Soft[i*tiles.Classes:(i+1)*tiles.Classes]...)
			}
		}
		f.eachRow(out.Row(i/n), tiles.Row(i), i%n, s, func(image, tile []float32) { copy(image, tile) })
	}
	return out, nil
}

// Down averages Factor x Factor pixels of each sample: what a training image
// looks like at the resolution of a tile.
func (f Formation) Down(s *Samples) *Samples {
	if f.Factor == 1 {
		return s
	}
	tile := f.TileShape(s.Shape)
	out := &Samples{Shape: tile, Classes: s.Classes, X: make([]float32, s.Len()*tile.Size()), Y: s.Y, Soft: s.Soft}
	for i := range s.Len() {
		f.down(s.Row(i), out.Row(i), s.Shape)
	}
	return out
}

// down adds the averages of an image to a tile of zeros.
func (f Formation) down(image, tile []float32, shape Shape) {
	small, share := f.TileShape(shape), 1/float32(f.Factor*f.Factor)
	for i, v := range image {
		c, y, x := i/(shape.H*shape.W), i/shape.W%shape.H, i%shape.W
		tile[(c*small.H+y/f.Factor)*small.W+x/f.Factor] += v * share
	}
}

// Decode gives the training images of stored ones: each tile up-sampled by
// Factor, with its label. Plain samples are returned unchanged.
func (f Formation) Decode(s *Samples) *Samples {
	if f.Factor == 1 {
		return s
	}
	tiles := f.Cut(s)
	out := f.spread(s, f.FullShape(s.Shape))
	up := newEnlarger(f.Factor, tiles.Shape)
	for i := range tiles.Len() {
		up.enlarge(tiles.Row(i), out.Row(i))
	}
	return out
}

// View reduces an image to the resolution of a tile: averaged, then up-sampled.
// The view of factor 0 or 1 changes nothing. It belongs to one goroutine.
type View struct {
	form  Formation
	shape Shape
	tile  []float32
	up    enlarger
}

// IsView reports whether images of some shape have a view of a factor; 0 is full
// resolution.
func IsView(factor int) bool { return factor == 0 || factor >= 2 && factor <= MaxFormation }

// CheckView fails with ErrFormation unless images of a shape have a view of a
// factor; 0 is full resolution.
func CheckView(factor int, shape Shape) error {
	if factor == 0 {
		return nil
	}
	f := NewFormation(factor)
	f.Factor = factor // also below 1, which no formation has
	return f.Validate(shape)
}

// NewView is the view of images that pass CheckView.
func NewView(factor int, shape Shape) *View {
	v := &View{form: NewFormation(factor), shape: shape}
	if v.form.Factor > 1 {
		tile := v.form.TileShape(shape)
		v.tile, v.up = make([]float32, tile.Size()), newEnlarger(v.form.Factor, tile)
	}
	return v
}

// Show writes the view of an image.
func (v *View) Show(image, seen []float32) {
	if v.form.Factor == 1 {
		copy(seen, image)
		return
	}
	clear(v.tile)
	v.form.down(image, v.tile, v.shape)
	v.up.enlarge(v.tile, seen)
}

// ShowRows writes the views of the samples with indices from one number up to another.
func (v *View) ShowRows(s *Samples, from, to int, seen []float32) {
	size := s.Shape.Size()
	for i := from; i < to; i++ {
		v.Show(s.Row(i), seen[(i-from)*size:(i-from+1)*size])
	}
}

// enlarger up-samples tiles.
type enlarger struct {
	tile       Shape
	rows, cols []between
}

func newEnlarger(factor int, tile Shape) enlarger {
	return enlarger{tile, enlarge(tile.H, factor), enlarge(tile.W, factor)}
}

func (e enlarger) enlarge(tile, image []float32) {
	small, large := e.tile.H*e.tile.W, len(e.rows)*len(e.cols)
	for plane := range e.tile.C {
		from, to := tile[plane*small:(plane+1)*small], image[plane*large:(plane+1)*large]
		for y, r := range e.rows {
			above, below := from[r.first*e.tile.W:], from[r.second*e.tile.W:]
			for x, c := range e.cols {
				up := above[c.first]*(1-c.weight) + above[c.second]*c.weight
				low := below[c.first]*(1-c.weight) + below[c.second]*c.weight
				to[y*len(e.cols)+x] = up*(1-r.weight) + low*r.weight
			}
		}
	}
}

// between is a position between two pixels.
type between struct {
	first, second int
	weight        float32 // of the second
}

// enlarge gives the source position of each pixel of a side of n that is
// enlarged by a factor.
func enlarge(n, factor int) []between {
	out := make([]between, n*factor)
	for i := range out {
		at := min(max((float64(i)+0.5)/float64(factor)-0.5, 0), float64(n-1))
		first := int(math.Floor(at))
		out[i] = between{first, min(first+1, n-1), float32(at - float64(first))}
	}
	return out
}
