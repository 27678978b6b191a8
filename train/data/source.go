package data

import (
	"errors"
	"fmt"
)

// Source is labeled raw values before standardization: pixel/255 for images,
// the feature itself for tables. Read must be safe for concurrent use.
type Source interface {
	Shape() Shape
	Labels() []int             // one per sample; the caller must not change it
	Read(i int, dst []float32) // fills Shape().Size() values of sample i
}

// Dataset is a named task with its training and test parts. Test is nil when
// the data has no standard test part.
type Dataset struct {
	Name  string
	Task  *Task
	Train Source
	Test  Source
	// Report says how the data were read (package open); nil for data that are not
	// from a file.
	Report Report
	// Remarks say what was done to the data after reading, such as holding out a part.
	Remarks []string
}

// Report says how data were read, in lines for people.
type Report interface{ Lines() []string }

// ErrNoSamples means that there is nothing to load: an empty list never means
// all samples.
var ErrNoSamples = errors.New("no samples")

// Load reads the listed samples of a source into task space, in that order. It
// fails with ErrNoSamples when index lists none: see LoadAll.
func Load(t *Task, src Source, index []int) (*Samples, error) {
	if src.Shape() != t.Shape {
		return nil, fmt.Errorf("load samples: data of %v for task %s of %v", src.Shape(), t.Name, t.Shape)
	}
	if len(index) == 0 {
		return nil, fmt.Errorf("load samples of task %s: %w", t.Name, ErrNoSamples)
	}
	labels := src.Labels()
	out := &Samples{Shape: t.Shape, Classes: len(t.Classes), X: make([]float32, len(index)*t.Shape.Size()),
		Y: make([]int, len(index))}
	var exact []float64 // a row of a table, which float32 might not distinguish from another
	if t.IsTable() {
		exact = make([]float64, t.Shape.Size())
	}
	for j, i := range index {
		if labels[i] < 0 || labels[i] >= out.Classes {
			return nil, fmt.Errorf("load samples: sample %d has label %d, task %s has %d classes", i, labels[i], t.Name,
				out.Classes)
		}
		out.Y[j] = labels[i]
		row := out.Row(j)
		if exact != nil {
			ReadExact(src, i, exact)
			t.standardizeExact(exact, row)
			continue
		}
		src.Read(i, row)
		t.Standardize(row)
	}
	return out, nil
}

// LoadAll reads all samples of a source into task space, as Load does.
func LoadAll(t *Task, src Source) (*Samples, error) {
	index := make([]int, len(src.Labels()))
	for i := range index {
		index[i] = i
	}
	return Load(t, src, index)
}

// Bytes is a Source of one byte per value, as image files hold them.
type Bytes struct {
	shape  Shape
	pixels []byte
	labels []int
}

// NewBytes wraps pixels (len(labels) x shape.Size()) as a Source.
func NewBytes(shape Shape, pixels []byte, labels []int) (*Bytes, error) {
	if len(pixels) != len(labels)*shape.Size() {
		return nil, fmt.Errorf("wrap pixels: %d bytes for %d samples of %v", len(pixels), len(labels), shape)
	}
	return &Bytes{shape: shape, pixels: pixels, labels: labels}, nil
}

// Shape implements Source.
func (b *Bytes) Shape() Shape { return b.shape }

// Labels implements Source.
func (b *Bytes) Labels() []int { return b.labels }

// Read implements Source: pixel/255.
func (b *Bytes) Read(i int, dst []float32) {
	d := b.shape.Size()
	for j, p := range b.pixels[i*d : (i+1)*d] {
		dst[j] = float32(p) / 255
	}
}

// Floats is a Source of one float32 per value: features as they are, or pixels
// in [0, 1].
type Floats struct {
	shape  Shape
	values []float32
	labels []int
}

// NewFloats wraps values (len(labels) x shape.Size()) as a Source.
func NewFloats(shape Shape, values []float32, labels []int) (*Floats, error) {
	if len(values) != len(labels)*shape.Size() {
		return nil, fmt.Errorf("wrap values: %d for %d samples of %v", len(values), len(labels), shape)
	}
	return &Floats{shape: shape, values: values, labels: labels}, nil
}

// Shape implements Source.
func (f *Floats) Shape() Shape { return f.shape }

// Labels implements Source.
func (f *Floats) Labels() []int { return f.labels }

// Read implements Source.
func (f *Floats) Read(i int, dst []float32) {
	d := f.shape.Size()
	copy(dst, f.values[i*d:(i+1)*d])
}

// exactSource is a Source whose values float32 cannot represent.
type exactSource interface {
	readExact(i int, dst []float64)
}

// readExact reads the values of a sample in double precision.
func ReadExact(src Source, i int, dst []float64) {
	if s, ok := src.(exactSource); ok {
		s.readExact(i, dst)
		return
	}
	row := make([]float32, len(dst))
	src.Read(i, row)
	for j, v := range row {
		dst[j] = float64(v)
	}
}

// Doubles is a Source of one float64 per value: features of a table.
type Doubles struct {
	shape  Shape
	values []float64
	labels []int
}

// NewDoubles wraps values (len(labels) x shape.Size()) as a Source; one of doubles
// and singles is nil.
func NewDoubles(shape Shape, doubles []float64, singles []float32, labels []int) (*Doubles, error) {
	for _, v := range singles {
		doubles = append(doubles, float64(v))
	}
	if len(doubles) != len(labels)*shape.Size() {
		return nil, fmt.Errorf("wrap values: %d for %d samples of %v", len(doubles), len(labels), shape)
	}
	return &Doubles{shape: shape, values: doubles, labels: labels}, nil
}

// Shape implements Source.
func (d *Doubles) Shape() Shape { return d.shape }

// Labels implements Source.
func (d *Doubles) Labels() []int { return d.labels }

// Read implements Source, rounded.
func (d *Doubles) Read(i int, dst []float32) {
	n := d.shape.Size()
	for j, v := range d.values[i*n : (i+1)*n] {
		dst[j] = float32(v)
	}
}

func (d *Doubles) readExact(i int, dst []float64) {
	n := d.shape.Size()
	copy(dst, d.values[i*n:(i+1)*n])
}

// Counts is a Source of features that are whole numbers from 0 to 255.
type Counts struct{ Bytes }

// NewCounts is a source over values that are not copied.
func NewCounts(shape Shape, values []byte, labels []int) *Counts {
	return &Counts{Bytes{shape, values, labels}}
}

// Read implements Source: the number itself.
func (c *Counts) Read(i int, dst []float32) {
	n := c.shape.Size()
	for j, v := range c.pixels[i*n : (i+1)*n] {
		dst[j] = float32(v)
	}
}
