package array

import (
	"errors"
	"fmt"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// Numbers is an array of numbers in row-major order, all finite. One of Bytes (of uint8 and bool),
// Floats (of half and single precision) and Doubles (of all other types) holds them.
type Numbers struct {
	Name    string
	DType   string // as NumPy writes it
	Dims    []int  // at least one, none 0
	Bytes   []byte
	Floats  []float32
	Doubles []float64
}

// Len is how many numbers there are.
func (n *Numbers) Len() int { return len(n.Bytes) + len(n.Floats) + len(n.Doubles) }

// At is number i of all.
func (n *Numbers) At(i int) float64 { return n.values().at(i) }

func (n *Numbers) values() *values {
	return &values{name: n.Name, dtype: n.DType, dims: n.Dims, bytes: n.Bytes, floats: n.Floats, doubles: n.Doubles}
}

// numbers fails for text.
func (v *values) numbers() (*Numbers, error) {
	if v.text != nil {
		return nil, &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: %s is text, not numbers", files.ErrFormat,
			v.words())}
	}
	return &Numbers{Name: v.name, DType: v.dtype, Dims: v.dims, Bytes: v.bytes, Floats: v.floats, Doubles: v.doubles}, nil
}

// NumbersOf is the array stored in raw bytes: of a type as NumPy writes it, in row-major order
// or, with fortran, in column-major order. Errors are of type *files.Error.
func NumbersOf(name, dtype string, dims []int, fortran bool, content []byte) (*Numbers, error) {
	v, err := valuesOf(name, dtype, dims, fortran, content)
	if err != nil {
		return nil, inArray(name, err)
	}
	n, err := v.numbers()
	return n, inArray(name, err)
}

// Named are the arrays of an .npz archive, each read when it is asked for.
type Named struct{ store *store }

// OpenNamed opens an .npz archive.
func OpenNamed(tree *files.Tree, name string) (*Named, error) {
	s, err := openArchive(tree, name)
	if err != nil {
		return nil, err
	}
	return &Named{s}, nil
}

// Names lists the arrays in the order of the archive.
func (n *Named) Names() []string { return n.store.names }

// Read reads one of the arrays; it fails for text.
func (n *Named) Read(name string) (*Numbers, error) {
	v, err := n.store.get(name)
	if err != nil {
		return nil, err
	}
	out, err := v.numbers()
	return out, n.store.inside(name, err)
}

// Close closes the archive.
func (n *Named) Close() error { return n.store.close() }

// inArray adds the name of the array to an error without a path.
func inArray(name string, err error) error {
	var inner *files.Error
	if err == nil || !errors.As(err, &inner) {
		return err
	}
	out := *inner
	out.Place = placed(name, out.Place, out.Offset)
	return &out
}

// Images brings an array of images to [N F], [N H W] or [N C H W] by Layout, by the wanted shape,
// or by its own; count is how many images there are. What it assumes goes to a.
func (o *Options) Images(n *Numbers, count int, a *files.Account) (*Numbers, error) {
	v, err := o.arrange(n.values(), count, a)
	if err != nil {
		return nil, err
	}
	return v.numbers()
}

// HoldsSamples reports whether an array has a usual name of samples that are not for testing.
func HoldsSamples(name string) bool { return holds(name, samples) }

// HoldsLabels reports whether an array has a usual name of labels that are not for testing.
func HoldsLabels(name string) bool { return holds(name, labels) }

func holds(name, wanted string) bool {
	role, part := roleOf(name)
	return role == wanted && (part == "" || files.PartOf(part) == files.Train)
}
